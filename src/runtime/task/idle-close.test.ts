import { expect, test } from 'vitest'
import { json, string, topic, topology, tumbling, windowed } from 'millrace'
import { Disk, Simulation, START_MS, textOf, type InputRecord } from '../simulation.fixtures.ts'

const input = topic('input', { key: string, value: string })
const counts = topic('counts', { key: windowed(string, '10s'), value: json<number | null>() })

const counting = topology('counting', (builder) => {
  const windows = tumbling('10s', { grace: '0s', emit: 'on-close', idleClose: '30s' })
  builder
    .stream(input)
    .groupByKey()
    .windowedBy(windows)
    .count({ store: 'counts' })
    .toStream()
    .to(counts)
})

const at = (ms: number): InputRecord => ({
  topic: 'input',
  key: 'k',
  value: '/',
  timestampMs: START_MS + ms,
})

function simulated(): Simulation {
  const simulation = new Simulation({ brokers: 1 })
  for (const name of ['input', 'counts']) simulation.cluster.createTopic(name, 1)
  return simulation
}

const closedIn = (simulation: Simulation): readonly (string | null)[] =>
  (simulation.committed('counts', 1)[0] ?? []).map(({ value }) => textOf(value))

test('the time without input goes on over a restart', async () => {
  using simulation = simulated()
  await simulation.clock.run(async () => {
    const disk = new Disk()
    simulation.write([at(1), at(2)], 1)
    const first = simulation.start({ topology: counting, disk, clientId: 'first' })
    await simulation.until(() => simulation.hasCommitted('counting', ['input'], 1), 'both are read')
    const readAtMs = simulation.clock.nowMs()
    await simulation.clock.sleep(20_000)
    await first.stop()
    // Not even the local state is left.
    simulation.start({ topology: counting, disk: new Disk(), clientId: 'second' })
    await simulation.until(() => closedIn(simulation).length === 1, 'the window has closed')
    expect(simulation.clock.nowMs() - readAtMs).toBeGreaterThan(29_000)
    expect(simulation.clock.nowMs() - readAtMs).toBeLessThan(32_000)
    // What it came to is kept too: the window is not opened again.
    simulation.write([at(3), at(45_000), at(55_000)], 1)
    await simulation.until(() => closedIn(simulation).length === 2, 'the next one has closed')
  })
  expect(closedIn(simulation)).toEqual(['2', '1'])
})

test('a broker that is away is no silence', async () => {
  using simulation = simulated()
  const { faults } = simulation.cluster
  await simulation.clock.run(async () => {
    simulation.write([at(1)], 1)
    const life = simulation.start({ topology: counting, disk: new Disk(), clientId: 'one' })
    await simulation.until(() => simulation.hasCommitted('counting', ['input'], 1), 'it is read')
    const refused = faults.refuse(({ api }) => api === 'fetch', 'LEADER_NOT_AVAILABLE', Infinity)
    await simulation.clock.sleep(60_000)
    expect(closedIn(simulation)).toEqual([])
    simulation.write([at(2)], 1)
    refused()
    await simulation.until(() => closedIn(simulation).length === 1, 'the window has closed')
    expect(life.thread.snapshot().counters.dropped).toBe(0)
  })
  expect(closedIn(simulation)).toEqual(['2'])
})

test('an application without input is at rest once all is closed', async () => {
  using simulation = simulated()
  await simulation.clock.run(async () => {
    simulation.write([at(1)], 1)
    simulation.start({ topology: counting, disk: new Disk(), clientId: 'one' })
    await simulation.until(() => closedIn(simulation).length === 1, 'the window has closed')
    await simulation.clock.sleep(1_000)
    const produced = (): number => simulation.cluster.faults.count(({ api }) => api === 'produce')
    const before = produced()
    await simulation.clock.sleep(600_000)
    expect(produced()).toBe(before)
  })
})
