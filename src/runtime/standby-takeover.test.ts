/** Whoever follows a task takes it over, and what comes out is what would have come out anyway. */
import { describe, expect, test } from 'vitest'
import { runChaos } from './chaos.fixtures.ts'
import { breakEach } from './crash.fixtures.ts'
import { ordersScenario, wordCountScenario } from './scenarios.fixtures.ts'
import { counting, Fleet, followedBy, restoredBy, tasksOf } from './standby-fleet.fixtures.ts'
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
