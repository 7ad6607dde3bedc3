import { describe, expect, test } from 'vitest'
import { json, string, topic, topology } from 'millrace'
import type { Life, LifeOptions } from '../life.fixtures.ts'
import { Disk, Simulation, START_MS, textOf } from '../simulation.fixtures.ts'

const input = topic('input', { key: string, value: string })
const output = topic('output', { key: string, value: string })
const totals = topic('totals', { key: string, value: json<number>() })

const copying = topology('copying', (builder) => builder.stream(input).to(output))

const counting = topology('counting', (builder) => {
  builder.stream(input).groupByKey().count({ store: 'counts' }).toStream().to(totals)
})

const KIB = 1024

interface Scene {
  readonly simulation: Simulation
  readonly start: (options?: Partial<LifeOptions>) => Life
  /** So many records of a kibibyte each, by turns to both partitions or to one. */
  readonly write: (count: number, key?: string) => void
}

async function play(topologyOf: typeof copying, scene: (scene: Scene) => Promise<void>) {
  using simulation = new Simulation()
  for (const name of ['input', 'output', 'totals']) simulation.cluster.createTopic(name, 2)
  let written = 0
  let lives = 0
  await simulation.clock.run(() =>
    scene({
      simulation,
      start: (options) => {
        lives += 1
        return simulation.start({
          topology: topologyOf,
          disk: new Disk(),
          clientId: `life-${lives}`,
          ...options,
        })
      },
      write: (count, key) => {
        simulation.write(
          Array.from({ length: count }, () => {
            written += 1
            return {
              topic: 'input',
              key: key ?? `key-${written % 50}`,
              value: `${written} ${'x'.repeat(KIB)}`,
              timestampMs: START_MS + written,
            }
          }),
        )
      },
    }),
  )
}

const isRunning = (life: Life) => (): boolean => life.thread.state === 'running'
const processedBy = ({ thread }: Life): number => thread.snapshot().counters.processed

/** The numbers in front of what was copied. */
const copied = (simulation: Simulation): readonly number[] =>
  simulation
    .committed('output')
    .flat()
    .map(({ value }) => Number.parseInt(textOf(value) ?? '', 10))
    .toSorted((a, b) => a - b)

const upTo = (count: number): readonly number[] => Array.from({ length: count }, (_, n) => n + 1)

test('what cannot be sent is not piled up, and the thread stays in its group meanwhile', async () => {
  await play(copying, async ({ simulation, start, write }) => {
    const life = start({
      sendBufferBytesMax: 64 * KIB,
      transactionTimeoutMs: 60_000,
      commitIntervalMs: 20_000,
    })
    await simulation.until(isRunning(life), 'it runs')
    const { faults } = simulation.cluster
    const answer = Promise.withResolvers<undefined>()
    faults.onRequest(({ api }) => api === 'produce', { before: () => answer.promise })
    write(1_000)
    await simulation.clock.sleep(5_000)
    // Two partitions, and one record each that was let in when there was room.
    expect(processedBy(life)).toBeGreaterThan(50)
    expect(processedBy(life)).toBeLessThan(70)
    // Five sessions long nobody answered, and it could still join others in a rebalance.
    const other = start()
    await simulation.clock.sleep(300)
    expect(other.thread.state).toBe('rebalancing')
    expect(life.thread.snapshot().counters.migrations).toBe(0)
    answer.resolve(undefined)
    await simulation.until(() => simulation.hasCommitted('copying', ['input']), 'all is copied')
    await simulation.stopAll()
    expect(copied(simulation)).toEqual(upTo(1_000))
  })
})

test('a task gets its turn though another one always fills what room there is', async () => {
  await play(copying, async ({ simulation, start, write }) => {
    write(2_000)
    const life = start({ sendBufferBytesMax: 8 * KIB })
    const positions = (): readonly number[] =>
      life.thread.tasks.flatMap((task) => task.positions()).map(({ offset }) => offset)
    await simulation.until(() => processedBy(life) >= 400, 'some is done')
    expect(positions()).toHaveLength(2)
    for (const position of positions()) expect(position).toBeGreaterThan(100)
    await simulation.until(() => simulation.hasCommitted('copying', ['input']), 'all is copied')
    await simulation.stopAll()
    expect(copied(simulation)).toEqual(upTo(2_000))
  })
})

test('the wall clock is heard though there is always more than can be sent', async () => {
  const ticking = topology('ticking', (builder) => {
    builder
      .stream(input)
      .process<string, string>(
        () => ({
          init: ({ schedule, forward }) => {
            schedule('100ms', 'wall-clock', (timestampMs) => {
              forward({ key: 'tick', value: '0 tick', timestampMs })
            })
          },
          process: (record, { forward }) => forward(record),
        }),
        { name: 'tick' },
      )
      .to(output)
  })
  await play(ticking, async ({ simulation, start, write }) => {
    write(1_000)
    simulation.cluster.faults.delay(({ api }) => api === 'produce', 100, Infinity)
    const life = start({ sendBufferBytesMax: 16 * KIB, commitIntervalMs: 500 })
    await simulation.until(isRunning(life), 'it runs')
    await simulation.clock.sleep(5_000)
    expect(processedBy(life)).toBeLessThan(1_000)
    const ticks = copied(simulation).filter((number) => number === 0)
    // Two tasks, ten ticks a second each; some are late while nothing can be sent.
    expect(ticks.length).toBeGreaterThan(25)
  })
})

test('a rebalance that does not end stops the work, but not for good', async () => {
  await play(copying, async ({ simulation, start, write }) => {
    const life = start({ rebalanceTimeoutMs: 60_000 })
    await simulation.until(isRunning(life), 'it runs')
    const { faults } = simulation.cluster
    const answer = Promise.withResolvers<undefined>()
    faults.onRequest(({ api }) => api === 'syncGroup', { before: () => answer.promise })
    start()
    await simulation.until(() => life.thread.state === 'rebalancing', 'the group rebalances')
    await simulation.clock.sleep(5_000)
    write(100)
    await simulation.clock.sleep(5_000)
    // A transaction that nobody may commit is not begun any more.
    expect(processedBy(life)).toBe(0)
    answer.resolve(undefined)
    await simulation.until(() => simulation.hasCommitted('copying', ['input']), 'all is copied')
    await simulation.stopAll()
    expect(copied(simulation)).toEqual(upTo(100))
  })
})

describe('state that is not on the disk yet', () => {
  test('forces a commit and a checkpoint when there is much of it', async () => {
    await play(counting, async ({ simulation, start, write }) => {
      const disk = new Disk()
      const life = start({
        disk,
        dirtyBytesMax: 4 * KIB,
        commitIntervalMs: 600_000,
        checkpointIntervalMs: 600_000,
        transactionTimeoutMs: 60_000,
      })
      write(500)
      await simulation.until(() => processedBy(life) === 500, 'all is processed')
      expect(life.thread.snapshot().counters.commits).toBeGreaterThan(0)
      expect(disk.tasks.map((task) => disk.backend(task).position('counts') ?? 0)).toEqual([
        expect.toSatisfy((position: number) => position > 0),
        expect.toSatisfy((position: number) => position > 0),
      ])
    })
  })

  test('does not pile up while the group is long in agreeing', async () => {
    await play(counting, async ({ simulation, start, write }) => {
      const patient = { commitIntervalMs: 600_000, transactionTimeoutMs: 900_000 }
      const life = start({ ...patient, dirtyBytesMax: 4 * KIB, rebalanceTimeoutMs: 60_000 })
      await simulation.until(isRunning(life), 'it runs')
      const { faults } = simulation.cluster
      const answer = Promise.withResolvers<undefined>()
      faults.onRequest(({ api }) => api === 'syncGroup', { before: () => answer.promise })
      const other = start(patient)
      await simulation.until(() => life.thread.state === 'rebalancing', 'the group rebalances')
      for (let round = 0; round < 10; round += 1) {
        write(100)
        await simulation.clock.sleep(500)
      }
      // What has arrived is one turn's work, and the first turn was enough.
      expect(processedBy(life)).toBe(100)
      answer.resolve(undefined)
      const processed = (): number => processedBy(life) + processedBy(other)
      await simulation.until(() => processed() === 1_000, 'all is counted')
    })
  })
})

test('at least once: changes that are held back make room for more, long before a commit', async () => {
  await play(counting, async ({ simulation, start, write }) => {
    const life = start({
      guarantee: 'at-least-once',
      commitIntervalMs: 600_000,
      sendBufferBytesMax: 4 * KIB,
    })
    write(500)
    await simulation.until(() => processedBy(life) === 500, 'all is processed')
    expect(simulation.clock.nowMs() - START_MS).toBeLessThan(5_000)
  })
})
