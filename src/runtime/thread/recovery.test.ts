import { expect, test } from 'vitest'
import { json, keyValueStore, string, topic, topology } from 'millrace'
import { memoryBackend } from '../../state/memory/memory-backend.ts'
import type { StateBackend } from '../../state/backend.ts'
import { Disk } from '../disk.fixtures.ts'
import type { Life, LifeOptions } from '../life.fixtures.ts'
import { ordersScenario } from '../scenarios.fixtures.ts'
import { Simulation, START_MS, textOf } from '../simulation.fixtures.ts'
import { isTask, type LocalStorage, type Place } from './local-storage.ts'

const orders = ordersScenario({ items: 8, waves: 8 })

interface Scene {
  readonly simulation: Simulation
  readonly start: (clientId: string, options?: Partial<LifeOptions>) => Life
  readonly write: (waves: number) => void
  readonly committed: () => Promise<void>
}

/** Acts the scene, then the rest of the input; all of it must come out exactly once. */
async function play(scene: (scene: Scene) => Promise<void>): Promise<void> {
  using simulation = new Simulation()
  for (const name of orders.topics) simulation.cluster.createTopic(name, 2)
  let written = 0
  const write = (waves: number): void => {
    for (const wave of orders.waves.slice(written, written + waves)) simulation.write(wave)
    written += waves
  }
  const committed = (): Promise<void> =>
    simulation.until(() => simulation.hasCommitted('orders', orders.inputs), 'all is committed')
  await simulation.clock.run(async () => {
    await scene({
      simulation,
      write,
      committed,
      start: (clientId, options) =>
        simulation.start({ topology: orders.topology, disk: new Disk(), clientId, ...options }),
    })
    write(orders.waves.length)
    await committed()
    await simulation.stopAll()
  })
  orders.expectExact(simulation)
}

const migrationsOf = ({ thread }: Life): number => thread.snapshot().counters.migrations

test('work that fails again and again is tried ever more slowly', async () => {
  await play(async ({ simulation, start, write, committed }) => {
    const life = start('one')
    write(1)
    await committed()
    const lost = simulation.cluster.faults.loseRequest(({ api }) => api === 'endTxn', Infinity)
    write(1)
    await simulation.clock.sleep(60_000)
    expect(migrationsOf(life)).toBeGreaterThan(5)
    expect(migrationsOf(life)).toBeLessThan(20)
    lost()
    await committed()
    // And the next time quickly again.
    const before = migrationsOf(life)
    simulation.cluster.faults.loseRequest(({ api }) => api === 'endTxn')
    const brokenAtMs = simulation.clock.nowMs()
    write(1)
    await committed()
    expect(simulation.clock.nowMs() - brokenAtMs).toBeLessThan(500)
    expect(migrationsOf(life)).toBe(before + 1)
  })
})

test('a producer that is fenced while there is nothing to do is replaced when there is', async () => {
  await play(async ({ simulation, start, write, committed }) => {
    const life = start('one')
    write(1)
    await committed()
    simulation.cluster.faults.fence('orders-one-0')
    await simulation.clock.sleep(5_000)
    expect(migrationsOf(life)).toBe(0)
    write(1)
    await committed()
    expect(migrationsOf(life)).toBe(1)
  })
})

test('a task that cannot be opened yet does not keep another one from its work', async () => {
  await play(async ({ simulation, start, write }) => {
    const { faults } = simulation.cluster
    const unstable = faults.refuse(
      ({ api, partitions }) =>
        api === 'offsetFetch' && partitions.some(({ partition }) => partition === 1),
      'UNSTABLE_OFFSET_COMMIT',
      Infinity,
    )
    const life = start('one')
    write(2)
    // Longer than one look-up is tried.
    await simulation.clock.sleep(300_000)
    expect(life.thread.tasks.map(({ id }) => id)).toEqual(['0_0'])
    expect(life.thread.snapshot().counters.processed).toBeGreaterThan(3)
    expect(migrationsOf(life)).toBe(0)
    unstable()
  })
})

test('a commit that fails while tasks are given up gives them up all the same', async () => {
  await play(async ({ simulation, start, write, committed }) => {
    const first = start('first', { commitIntervalMs: 10_000, transactionTimeoutMs: 60_000 })
    write(2)
    await committed()
    const { faults } = simulation.cluster
    faults.delay(({ api }) => api === 'syncGroup', 400, 2)
    const second = start('second')
    await simulation.until(() => first.thread.state === 'rebalancing', 'the group rebalances')
    write(2)
    faults.loseReply(({ api, clientId }) => api === 'endTxn' && clientId === 'first')
    await simulation.until(
      () => [first, second].every(({ thread }) => thread.tasks.length === 1),
      'each has one',
    )
    expect(migrationsOf(first)).toBe(1)
  })
})

test('a commit that fails before a rebalance does not keep the thread out of it', async () => {
  await play(async ({ simulation, start, write, committed }) => {
    const first = start('first', { commitIntervalMs: 10_000, transactionTimeoutMs: 60_000 })
    write(2)
    await committed()
    write(1)
    await simulation.until(() => first.thread.snapshot().counters.processed === 15, 'it is done')
    simulation.cluster.faults.loseRequest(
      ({ api, clientId }) => api === 'endTxn' && clientId === 'first',
    )
    const second = start('second')
    await simulation.until(
      () => [first, second].every(({ thread }) => thread.tasks.length === 1),
      'each has one',
    )
    expect(migrationsOf(first)).toBe(1)
  })
})

const words = topic('words', { key: string, value: string })
const totals = topic('totals', { key: string, value: json<number>() })
const counting = topology('counting', (builder) => {
  builder
    .stream(words)
    .groupByKey()
    .count({ store: keyValueStore('counts', { key: string, value: json<number>() }) })
    .toStream()
    .to(totals)
})

/** As the threads of one process share it: a task may be open in two, one of which lost it. */
function sharedStorage(): LocalStorage {
  const backends = new Map<Place, StateBackend>()
  return {
    open: (place) => {
      const backend = backends.get(place) ?? memoryBackend()
      backends.set(place, backend)
      return { ...backend, close: () => Promise.resolve() }
    },
    wipe: (place) => backends.delete(place),
    tasks: () => [...backends.keys()].filter(isTask),
    position: () => 0,
  }
}

test('an answer that comes when others own the task writes nothing into its files', async () => {
  using simulation = new Simulation()
  const { clock, cluster } = simulation
  for (const name of ['words', 'totals']) cluster.createTopic(name, 1)
  const storage = sharedStorage()
  const count = async (): Promise<void> => {
    simulation.write([{ topic: 'words', key: 'a', value: 'x', timestampMs: START_MS }], 1)
    const isCommitted = (): boolean => simulation.hasCommitted('counting', ['words'], 1)
    await simulation.until(isCommitted, 'it is counted')
  }
  await clock.run(async () => {
    const start = (threadIndex: number): Life =>
      simulation.start({
        topology: counting,
        disk: new Disk(),
        storage,
        clientId: `thread-${threadIndex}`,
        processId: 'process',
        threadIndex,
        checkpointIntervalMs: 0,
        readCacheMaxBytes: 0,
      })
    const slow = start(0)
    await count()
    // It is cut off from its group, and hears very late that its commit took effect.
    cluster.faults.loseRequest(
      ({ api, clientId, atMs }) =>
        api === 'heartbeat' && clientId === 'thread-0' && atMs < START_MS + 5_000,
      Infinity,
    )
    cluster.faults.onRequest(
      ({ api, clientId, atMs }) =>
        api === 'endTxn' && clientId === 'thread-0' && atMs < START_MS + 3_000,
      {
        after: async () => {
          await clock.sleep(4_000)
          return undefined
        },
      },
    )
    await count()
    const quick = start(1)
    await simulation.until(() => quick.thread.tasks.length === 1, 'the other one has the task')
    await count()
    await count()
    await clock.sleep(4_000)
    await count()
    await simulation.until(() => slow.thread.state === 'running', 'the slow one is back')
    await count()
    await simulation.stopAll()
  })
  const values = simulation.committed('totals', 1).flat()
  expect(values.map(({ value }) => textOf(value))).toEqual(['1', '2', '3', '4', '5', '6'])
})
