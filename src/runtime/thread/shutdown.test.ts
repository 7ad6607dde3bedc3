import { describe, expect, test } from 'vitest'
import type { Api } from '../../kafka/memory/requests.ts'
import { Disk } from '../disk.fixtures.ts'
import type { Life, LifeOptions } from '../life.fixtures.ts'
import { ordersScenario } from '../scenarios.fixtures.ts'
import { Simulation } from '../simulation.fixtures.ts'

const orders = ordersScenario({ items: 6, waves: 3 })

/** What `stop` may take at most, with some seconds for leaving the group. */
const BOUND_MS = 14_000

interface Scene {
  readonly simulation: Simulation
  readonly start: (clientId: string, options?: Partial<LifeOptions>) => Life
  readonly committed: () => Promise<void>
}

async function play(scene: (scene: Scene) => Promise<void>): Promise<void> {
  using simulation = new Simulation()
  for (const name of orders.topics) simulation.cluster.createTopic(name, 2)
  await simulation.clock.run(() =>
    scene({
      simulation,
      start: (clientId, options) =>
        simulation.start({
          topology: orders.topology,
          disk: new Disk(),
          clientId,
          ...options,
        }),
      committed: () =>
        simulation.until(() => simulation.hasCommitted('orders', orders.inputs), 'committed'),
    }),
  )
}

/** How long it takes, in simulated time. */
async function stopping({ clock }: Simulation, life: Life): Promise<number> {
  const beganAtMs = clock.nowMs()
  expect(await life.stop()).toBeUndefined()
  expect(life.thread.state).toBe('stopped')
  return clock.nowMs() - beganAtMs
}

test('a thread goes through its states in order, and is out of the group in the end', async () => {
  await play(async ({ simulation, start }) => {
    const life = start('one')
    await simulation.until(() => life.thread.state === 'running', 'it runs')
    expect(await stopping(simulation, life)).toBeLessThan(100)
    expect(life.states).toEqual([
      'starting',
      'rebalancing',
      'running',
      'pending-shutdown',
      'stopped',
    ])
    expect(simulation.cluster.groupState('orders')?.members).toEqual([])
    // Once more does no harm.
    expect(await life.stop()).toBeUndefined()
  })
})

test('what is done is committed and checkpointed before a thread ends', async () => {
  await play(async ({ simulation, start }) => {
    const disk = new Disk()
    const rarely = { commitIntervalMs: 20_000, transactionTimeoutMs: 60_000 }
    const life = start('one', { ...rarely, disk })
    await simulation.until(() => life.thread.state === 'running', 'it runs')
    simulation.write(orders.waves[0] ?? [])
    await simulation.until(() => life.thread.snapshot().counters.processed === 10, 'it is done')
    expect(simulation.hasCommitted('orders', orders.inputs)).toBe(false)
    expect(await stopping(simulation, life)).toBeLessThan(200)
    expect(simulation.hasCommitted('orders', orders.inputs)).toBe(true)
    const next = start('two', { disk })
    await simulation.until(() => next.thread.state === 'running', 'the next one runs')
    expect(next.thread.snapshot().counters.restored).toBe(0)
  })
})

test('a thread that is stopped before it has begun does not begin', async () => {
  await play(async ({ simulation, start }) => {
    const life = start('one')
    expect(await stopping(simulation, life)).toBeLessThan(100)
    expect(life.states).toEqual(['pending-shutdown', 'stopped'])
    expect(simulation.cluster.faults.count(({ api }) => api === 'joinGroup')).toBe(0)
  })
})

test('a thread that is stopped while it restores does not wait for that', async () => {
  await play(async ({ simulation, start, committed }) => {
    const first = start('one')
    simulation.write(orders.waves[0] ?? [])
    await committed()
    await first.stop()
    simulation.cluster.faults.delay(({ api }) => api === 'fetch', 60_000, Infinity)
    const second = start('two')
    await simulation.until(
      () => second.thread.snapshot().tasks.some(({ state }) => state === 'restoring'),
      'it restores',
    )
    expect(await stopping(simulation, second)).toBeLessThan(200)
    expect(second.states).not.toContain('running')
  })
})

test('a thread that is stopped in a rebalance that does not end waits for some seconds', async () => {
  await play(async ({ simulation, start }) => {
    const patient = { rebalanceTimeoutMs: 600_000, sessionTimeoutMs: 300_000 }
    const rarely = { commitIntervalMs: 20_000, transactionTimeoutMs: 60_000 }
    const [one, two] = [
      start('one', { ...patient, ...rarely }),
      start('two', { ...patient, ...rarely }),
    ]
    for (const { thread } of [one, two]) {
      await simulation.until(() => thread.state === 'running', 'it runs')
    }
    // Nobody hears of it any more, but for the group, which waits for it.
    two.freeze()
    start('three', patient)
    await simulation.until(() => one.thread.state === 'rebalancing', 'the group rebalances')
    simulation.write(orders.waves[0] ?? [])
    await simulation.clock.sleep(100)
    expect(await stopping(simulation, one)).toBeLessThan(6_000)
  })
})

describe('a thread ends in time', () => {
  const stages: readonly Api[] = [
    'initProducerId',
    'joinGroup',
    'syncGroup',
    'offsetFetch',
    'listOffsets',
    'fetch',
    'produce',
    'txnOffsetCommit',
    'endTxn',
    'leaveGroup',
  ]

  test.for(stages)('when the cluster falls silent at its %s', async (stage) => {
    await play(async ({ simulation, start }) => {
      const { faults } = simulation.cluster
      let isSilent = false
      faults.onRequest(({ api }) => api === stage, {
        before: () => {
          if (!isSilent) faults.freeze('one')
          isSilent = true
          return undefined
        },
      })
      const life = start('one')
      simulation.write(orders.waves[0] ?? [])
      await simulation.clock.sleep(300)
      if (stage !== 'leaveGroup') expect(isSilent).toBe(true)
      expect(await stopping(simulation, life)).toBeLessThan(BOUND_MS)
    })
  })

  test('when no broker can be reached any more', async () => {
    await play(async ({ simulation, start }) => {
      const life = start('one')
      await simulation.until(() => life.thread.state === 'running', 'it runs')
      simulation.cluster.faults.brokerDown(1, 'unavailable')
      simulation.write(orders.waves[0] ?? [])
      await simulation.clock.sleep(3_000)
      expect(await stopping(simulation, life)).toBeLessThan(BOUND_MS)
    })
  })

  test('at once, and without a commit, when it is aborted', async () => {
    await play(async ({ simulation, start }) => {
      const life = start('one', { commitIntervalMs: 20_000, transactionTimeoutMs: 60_000 })
      simulation.write(orders.waves[0] ?? [])
      await simulation.until(() => life.thread.snapshot().counters.processed === 10, 'it is done')
      const beganAtMs = simulation.clock.nowMs()
      life.thread.abort()
      expect(await life.ended).toBeUndefined()
      expect(simulation.clock.nowMs() - beganAtMs).toBeLessThan(10)
      expect(simulation.hasCommitted('orders', orders.inputs)).toBe(false)
    })
  })
})

test('a thread that fails leaves the group at once, for others to take its tasks', async () => {
  await play(async ({ simulation, start, committed }) => {
    const [one, two] = [start('one'), start('two')]
    for (const { thread } of [one, two]) {
      await simulation.until(() => thread.state === 'running', 'it runs')
    }
    simulation.cluster.faults.refuse(
      ({ api, clientId }) => api === 'produce' && clientId === 'one',
      'TOPIC_AUTHORIZATION_FAILED',
    )
    simulation.write(orders.waves.flat())
    expect(await one.ended).toMatchObject({ code: 'BROKER_REFUSED' })
    expect(one.states.at(-1)).toBe('failed')
    const failedAtMs = simulation.clock.nowMs()
    await simulation.until(() => two.thread.tasks.length === 2, 'the other one has all')
    expect(simulation.clock.nowMs() - failedAtMs).toBeLessThan(500)
    await committed()
    // Nothing is left to stop, and nothing goes wrong over it.
    expect(await one.stop()).toMatchObject({ code: 'BROKER_REFUSED' })
    await two.stop()
    await simulation.clock.sleep(2_000)
    orders.expectExact(simulation)
  })
})
