/** Whoever follows a task takes it over, and what comes out is what would have come out anyway. */
import { describe, expect, test } from 'vitest'
import { json, keyValueStore, string, topic, topology, type Topology } from 'millrace'
import { runChaos } from './chaos.fixtures.ts'
import { breakEach } from './crash.fixtures.ts'
import type { Life, LifeOptions } from './life.fixtures.ts'
import { ordersScenario, wordCountScenario } from './scenarios.fixtures.ts'
import { diskState, Disk, Simulation, START_MS, textOf } from './simulation.fixtures.ts'
import { timersScenario } from './timers.fixtures.ts'

const scenarios = [
  ['event sourcing', ordersScenario({ items: 3, waves: 3 })],
  ['a count behind a repartition', wordCountScenario({ items: 8, waves: 3 })],
  ['timers', timersScenario({ items: 6, waves: 3 })],
] as const

const survivable = ['reply lost', 'request lost', 'refused', 'delivered late'] as const

describe.for(scenarios)('%s, with a standby, comes out exactly once', ([, scenario]) => {
  describe.for([1, 2] as const)('under transaction version %i', (transactionVersion) => {
    const cluster = { transactionVersion, markerDelayMs: 30 }
    const plan = { scenario, cluster, successor: 'standby process' } as const

    test('when its owner dies before or after any request', () =>
      breakEach(plan, ['dies before', 'dies after']))

    test('when any request is lost, answered in vain, refused, or comes late', () =>
      breakEach(plan, survivable))
  })
})

describe.for(scenarios)('%s in three processes, while everything goes wrong', ([, scenario]) => {
  const seeds = Array.from({ length: 6 }, (_, index) => index + 1)

  test.for(seeds)('with standbys (seed %i)', async (seed) => {
    const life = { standbys: 1 + (seed % 2), acceptableLag: seed % 3 === 0 ? 0 : 5, maxWarmups: 1 }
    await runChaos({ scenario, seed, events: 25, life })
  })
})

const words = topic('words', { key: string, value: string })
const totals = topic('totals', { key: string, value: json<number>() })
const counting = (backend: 'lmdb' | 'memory'): Topology =>
  topology('counting', (builder) => {
    builder
      .stream(words)
      .groupByKey()
      .count({ store: keyValueStore('counts', { key: string, value: json<number>(), backend }) })
      .toStream()
      .to(totals)
  })
const onDisk = counting('lmdb')
const keys = Array.from({ length: 200 }, (_, index) => `key-${index}`)

/** Two partitions of words that are counted, in processes with disks of their own. */
class Fleet implements Disposable {
  readonly simulation = new Simulation()
  readonly #disks = new Map<string, Disk>()
  readonly #options: Partial<LifeOptions>
  #written = 0
  #starts = 0

  constructor(options: Partial<LifeOptions> = {}) {
    this.#options = options
    for (const name of ['words', 'totals']) this.simulation.cluster.createTopic(name, 2)
  }

  disk(processId: string): Disk {
    const disk = this.#disks.get(processId) ?? new Disk()
    this.#disks.set(processId, disk)
    return disk
  }

  start(processId: string): Life {
    this.#starts += 1
    return this.simulation.start({
      topology: onDisk,
      disk: this.disk(processId),
      processId,
      clientId: `${processId}-${this.#starts}`,
      standbys: 1,
      ...this.#options,
    })
  }

  write(): void {
    this.#written += 1
    const timestampMs = START_MS - 100_000 + this.#written
    this.simulation.write(keys.map((key) => ({ topic: 'words', key, value: 'x', timestampMs })))
  }

  async counted(): Promise<void> {
    const isCommitted = (): boolean => this.simulation.hasCommitted('counting', ['words'])
    await this.simulation.until(isCommitted, 'the words are counted')
  }

  async count(): Promise<void> {
    this.write()
    await this.counted()
  }

  /** Every task runs in one of these, and has a copy in another one that lacks nothing. */
  async settled(...lives: readonly Life[]): Promise<void> {
    const isSettled = (): boolean => {
      const threads = lives.map(({ thread }) => thread.snapshot())
      const running = threads.flatMap(({ tasks }) => tasks)
      const stores = threads.flatMap(({ standbys }) => standbys.flatMap((each) => each.stores))
      return (
        threads.every(({ state }) => state === 'running') &&
        running.length === 2 &&
        stores.length === 2 &&
        stores.every(({ lag }) => lag === 0)
      )
    }
    await this.simulation.until(isSettled, 'every task has a copy')
  }

  /** Fails where the last total of a key is another one, or a total came twice. */
  expectCounts(times: number): void {
    const seen = this.simulation
      .committed('totals')
      .flat()
      .map(({ key, value }) => `${textOf(key)} ${textOf(value)}`)
    const all = keys.flatMap((key) =>
      Array.from({ length: times }, (_, index) => `${key} ${index + 1}`),
    )
    expect(seen.toSorted()).toEqual(all.toSorted())
  }

  expectDisks(): void {
    for (const disk of this.#disks.values()) {
      const { restored, committed, uncommitted } = diskState(this.simulation, disk, onDisk)
      expect(uncommitted).toEqual([])
      expect(restored).toEqual(committed)
    }
  }

  run(scene: () => Promise<void>): Promise<void> {
    return this.simulation.clock.run(scene)
  }

  [Symbol.dispose](): void {
    this.simulation[Symbol.dispose]()
  }
}

const restoredBy = ({ thread }: Life): number => thread.snapshot().counters.restored
const tasksOf = ({ thread }: Life): readonly string[] => thread.snapshot().tasks.map(({ id }) => id)
const followedBy = ({ thread }: Life): readonly string[] =>
  thread.snapshot().standbys.map(({ task }) => task)

test.for(['lmdb', 'memory'] as const)(
  'a task is taken over with nothing to restore: a store of kind %s',
  async (backend) => {
    using fleet = new Fleet({ topology: counting(backend) })
    await fleet.run(async () => {
      const [one, two] = [fleet.start('one'), fleet.start('two')]
      await fleet.settled(one, two)
      await fleet.count()
      await fleet.count()
      await fleet.settled(one, two)
      expect([...tasksOf(one), ...followedBy(one)].toSorted()).toEqual(['0_0', '0_1'])
      one.crash()
      await fleet.count()
      expect(restoredBy(two)).toBe(0)
      expect(tasksOf(two).toSorted()).toEqual(['0_0', '0_1'])
      await fleet.simulation.stopAll()
    })
    fleet.expectCounts(3)
    if (backend === 'lmdb') fleet.expectDisks()
  },
)

test('what the owner had not committed when it died is done again, on the copy', async () => {
  using fleet = new Fleet()
  await fleet.run(async () => {
    const [one, two] = [fleet.start('one'), fleet.start('two')]
    await fleet.settled(one, two)
    await fleet.count()
    await fleet.settled(one, two)
    fleet.simulation.cluster.faults.onRequest(
      ({ api, clientId }) => api === 'endTxn' && clientId.startsWith('one'),
      {
        before: () => {
          one.crash()
          return 'die'
        },
      },
    )
    await fleet.count()
    expect(restoredBy(two)).toBe(0)
    await fleet.simulation.stopAll()
  })
  fleet.expectCounts(2)
  fleet.expectDisks()
})

test('a transaction that its owner left open holds nobody up until it times out', async () => {
  using fleet = new Fleet({ transactionTimeoutMs: 60_000, commitIntervalMs: 400 })
  let resumedAfterMs = Infinity
  await fleet.run(async () => {
    const { clock, cluster } = fleet.simulation
    const [one, two] = [fleet.start('one'), fleet.start('two')]
    await fleet.settled(one, two)
    await fleet.count()
    await fleet.settled(one, two)
    const sent = Promise.withResolvers<void>()
    cluster.faults.onRequest(
      ({ api, clientId }) => api === 'produce' && clientId.startsWith('one'),
      {
        after: () => {
          sent.resolve()
          return undefined
        },
      },
    )
    fleet.write()
    await sent.promise
    await clock.sleep(1)
    one.crash()
    const crashedMs = clock.nowMs()
    await fleet.counted()
    resumedAfterMs = clock.nowMs() - crashedMs
    await fleet.simulation.stopAll()
  })
  // The session, and a second for all the rest.
  expect(resumedAfterMs).toBeLessThan(2_000)
  fleet.expectCounts(2)
  fleet.expectDisks()
})

test('an owner that was only paused finds its tasks with others, and follows them', async () => {
  using fleet = new Fleet()
  await fleet.run(async () => {
    const [one, two] = [fleet.start('one'), fleet.start('two')]
    await fleet.settled(one, two)
    await fleet.count()
    await fleet.settled(one, two)
    const thaw = one.freeze()
    await fleet.count()
    await fleet.simulation.clock.sleep(5_000)
    expect(tasksOf(two).toSorted()).toEqual(['0_0', '0_1'])
    thaw()
    await fleet.count()
    await fleet.settled(one, two)
    await fleet.count()
    await fleet.simulation.stopAll()
  })
  fleet.expectCounts(4)
  fleet.expectDisks()
})

test('a follower that was only paused writes nothing old over what it runs later', async () => {
  using fleet = new Fleet()
  await fleet.run(async () => {
    const [one, two] = [fleet.start('one'), fleet.start('two')]
    await fleet.settled(one, two)
    await fleet.count()
    const thaw = two.freeze()
    await fleet.count()
    await fleet.simulation.clock.sleep(5_000)
    thaw()
    await fleet.count()
    await fleet.settled(one, two)
    one.crash()
    await fleet.count()
    await fleet.simulation.stopAll()
  })
  fleet.expectCounts(4)
  fleet.expectDisks()
})

test('who comes anew gets no task before its copy is warm, and no one waits for it', async () => {
  using fleet = new Fleet({ standbys: 0, acceptableLag: 10, maxWarmups: 1 })
  await fleet.run(async () => {
    const one = fleet.start('one')
    await fleet.count()
    await fleet.count()
    const two = fleet.start('two')
    await fleet.simulation.until(() => followedBy(two).length === 1, 'it warms up')
    expect(tasksOf(one)).toHaveLength(2)
    await fleet.simulation.until(() => tasksOf(two).length === 1, 'a task moves')
    await fleet.count()
    await fleet.simulation.until(
      () => [one, two].every(({ thread }) => thread.state === 'running'),
      'both run',
    )
    // Nothing but what came while it moved.
    expect(restoredBy(two)).toBeLessThanOrEqual(10)
    expect([one, two].map(tasksOf)).toEqual([[expect.any(String)], [expect.any(String)]])
    expect([one, two].map(followedBy)).toEqual([[], []])
    await fleet.simulation.stopAll()
  })
  fleet.expectCounts(3)
  fleet.expectDisks()
})
