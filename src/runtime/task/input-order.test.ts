import { expect, test } from 'vitest'
import { string, topic, topology } from 'millrace'
import type { SimulatedClusterOptions } from '../../kafka/memory/simulated-cluster.ts'
import { Disk, Simulation, START_MS, textOf, type InputRecord } from '../simulation.fixtures.ts'

const merged = topic('merged', { key: string, value: string })
const [left, right] = ['left', 'right'].map((name) => topic(name, { key: string, value: string }))

/** One task that reads two partitions. */
const merging = topology('merging', (builder) => {
  builder.stream(left!).merge(builder.stream(right!)).to(merged)
})

function simulated(options: Partial<SimulatedClusterOptions> = {}): Simulation {
  const simulation = new Simulation(options)
  for (const name of ['left', 'right', 'merged']) simulation.cluster.createTopic(name, 1)
  return simulation
}

const at = (name: string, ms: number): InputRecord => ({
  topic: name,
  key: 'k',
  value: `${name} ${ms}`,
  timestampMs: START_MS + ms,
})

const valuesIn = (simulation: Simulation): readonly (string | null)[] =>
  (simulation.committed('merged', 1)[0] ?? []).map(({ value }) => textOf(value))

test('records of several topics are processed in the order of their time', async () => {
  using simulation = simulated()
  await simulation.clock.run(async () => {
    simulation.write(
      [at('left', 1), at('left', 4), at('left', 5), at('right', 2), at('right', 3), at('right', 6)],
      1,
    )
    simulation.start({ topology: merging, disk: new Disk(), clientId: 'one' })
    await simulation.until(() => valuesIn(simulation).length === 6, 'all is merged')
  })
  expect(valuesIn(simulation)).toEqual([
    'left 1',
    'right 2',
    'right 3',
    'left 4',
    'left 5',
    'right 6',
  ])
})

test('within a topic offsets count, not time', async () => {
  using simulation = simulated()
  await simulation.clock.run(async () => {
    simulation.write([at('left', 9), at('left', 1), at('right', 5)], 1)
    simulation.start({ topology: merging, disk: new Disk(), clientId: 'one' })
    await simulation.until(() => valuesIn(simulation).length === 3, 'all is merged')
  })
  expect(valuesIn(simulation)).toEqual(['right 5', 'left 9', 'left 1'])
})

test('a partition whose records are on their way is waited for', async () => {
  using simulation = simulated({ brokers: 2 })
  const { faults } = simulation.cluster
  await simulation.clock.run(async () => {
    faults.moveLeader({ topic: 'left', partition: 0 }, 1)
    faults.moveLeader({ topic: 'right', partition: 0 }, 2)
    const slow = faults.delay(({ api, node }) => api === 'fetch' && node === 2, 500, Infinity)
    simulation.write([at('left', 1), at('left', 3), at('right', 2), at('right', 4)], 1)
    const life = simulation.start({ topology: merging, disk: new Disk(), clientId: 'one' })
    await simulation.clock.sleep(300)
    expect(life.thread.tasks).toHaveLength(1)
    expect(life.thread.snapshot().counters.processed).toBe(0)
    slow()
    await simulation.until(() => valuesIn(simulation).length === 4, 'all is merged')
  })
  expect(valuesIn(simulation)).toEqual(['left 1', 'right 2', 'left 3', 'right 4'])
})

test('an empty partition is not waited for', async () => {
  using simulation = simulated()
  await simulation.clock.run(async () => {
    simulation.start({ topology: merging, disk: new Disk(), clientId: 'one' })
    simulation.write([at('left', 1)], 1)
    await simulation.until(() => valuesIn(simulation).length === 1, 'the record is through')
    simulation.write([at('left', 2)], 1)
    const sentAtMs = simulation.clock.nowMs()
    await simulation.until(() => valuesIn(simulation).length === 2, 'the next one is through')
    expect(simulation.clock.nowMs() - sentAtMs).toBeLessThan(100)
  })
})

test('a partition whose records were deleted before they were read is not waited for', async () => {
  using simulation = simulated()
  await simulation.clock.run(async () => {
    const disk = new Disk()
    simulation.write([at('left', 1), at('right', 2)], 1)
    const first = simulation.start({ topology: merging, disk, clientId: 'first' })
    await simulation.until(() => valuesIn(simulation).length === 2, 'both are read')
    await first.stop()
    simulation.write([at('right', 3), at('right', 4), at('left', 5)], 1)
    simulation.cluster.deleteRecordsBefore('right', 0, 3)
    simulation.start({ topology: merging, disk, clientId: 'second' })
    await simulation.until(() => valuesIn(simulation).length === 3, 'the other one is read')
    simulation.write([at('left', 6)], 1)
    await simulation.until(() => valuesIn(simulation).length === 4, 'and goes on')
    simulation.write([at('right', 7)], 1)
    await simulation.until(() => valuesIn(simulation).length === 5, 'so does this one')
    // Where it goes on is remembered.
    expect(simulation.hasCommitted('merging', ['left', 'right'], 1)).toBe(true)
  })
  expect(valuesIn(simulation)).toEqual(['left 1', 'right 2', 'left 5', 'left 6', 'right 7'])
})

test('with a time to wait, a late record of an empty partition still comes in its turn', async () => {
  using simulation = simulated()
  await simulation.clock.run(async () => {
    const options = { topology: merging, disk: new Disk(), clientId: 'one', maxTaskIdleMs: 2_000 }
    simulation.start(options)
    simulation.write([at('left', 5), at('right', 1)], 1)
    await simulation.until(() => valuesIn(simulation).length === 1, 'the first is through')
    await simulation.clock.sleep(1_000)
    simulation.write([at('right', 2)], 1)
    await simulation.until(() => valuesIn(simulation).length === 2, 'so is one that came later')
    expect(valuesIn(simulation)).toEqual(['right 1', 'right 2'])
  })
})

test('and when the time is up, what has come goes on, at once from then on', async () => {
  using simulation = simulated()
  await simulation.clock.run(async () => {
    const options = { topology: merging, disk: new Disk(), clientId: 'one', maxTaskIdleMs: 2_000 }
    simulation.start(options)
    let written = 0
    /** Writes a record, and says how long it takes to come through. */
    const waitMsOf = async (record: InputRecord): Promise<number> => {
      const sentAtMs = simulation.clock.nowMs()
      simulation.write([record], 1)
      written += 1
      await simulation.until(() => valuesIn(simulation).length === written, 'it is through')
      return simulation.clock.nowMs() - sentAtMs
    }
    expect(await waitMsOf(at('right', 1))).toBeGreaterThanOrEqual(2_000)
    expect(await waitMsOf(at('right', 2))).toBeLessThan(100)
    // One that has had something, and is empty again, is waited for again.
    await waitMsOf(at('left', 3))
    expect(await waitMsOf(at('right', 4))).toBeGreaterThan(1_900)
    expect(await waitMsOf(at('right', 5))).toBeLessThan(100)
  })
})

test('without waiting, not even records on their way are waited for', async () => {
  using simulation = simulated({ brokers: 2 })
  const { faults } = simulation.cluster
  await simulation.clock.run(async () => {
    faults.moveLeader({ topic: 'left', partition: 0 }, 1)
    faults.moveLeader({ topic: 'right', partition: 0 }, 2)
    faults.delay(({ api, node }) => api === 'fetch' && node === 2, 500, Infinity)
    simulation.write([at('left', 3), at('right', 1)], 1)
    simulation.start({ topology: merging, disk: new Disk(), clientId: 'one', maxTaskIdleMs: -1 })
    await simulation.until(() => valuesIn(simulation).length === 2, 'all is merged')
  })
  expect(valuesIn(simulation)).toEqual(['left 3', 'right 1'])
})
