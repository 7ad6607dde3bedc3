import { describe, expect, test } from 'vitest'
import { Disk } from '../disk.fixtures.ts'
import { ordersScenario } from '../scenarios.fixtures.ts'
import { Simulation } from '../simulation.fixtures.ts'

const orders = ordersScenario({ items: 6, waves: 6 })
const STUCK = 'the loop of the thread has not come round for too long'

describe.for([null, 'a'] as const)('a thread (instance id %s)', (instanceId) => {
  test('whose loop waits and waits leaves its tasks to others, and comes back as new', async () => {
    using simulation = new Simulation()
    const { clock, cluster } = simulation
    for (const name of orders.topics) cluster.createTopic(name, 2)
    await clock.run(async () => {
      const start = (clientId: string, name: string | null) =>
        simulation.start({
          topology: orders.topology,
          disk: new Disk(),
          clientId,
          instanceId: name,
          maxPollIntervalMs: 3_000,
        })
      const [stuck, healthy] = [start('stuck', instanceId), start('healthy', null)]
      const both = [stuck, healthy]
      const allRun = (): boolean =>
        both.every(({ thread }) => thread.state === 'running' && thread.tasks.length === 1)
      await simulation.until(allRun, 'both run')
      // It goes on sending heartbeats, and nobody else joins: nothing but its loop gives it away.
      let isStuck = false
      cluster.faults.delay(({ api, clientId }) => {
        if (api !== 'endTxn' || clientId !== 'stuck' || isStuck) return false
        isStuck = true
        return true
      }, 30_000)
      simulation.write(orders.waves[0] ?? [])
      await simulation.until(() => isStuck, 'its commit waits')
      const sinceMs = clock.nowMs()
      await simulation.until(() => healthy.thread.tasks.length === 2, 'its tasks have moved')
      // The interval, a heartbeat or the session, and the rebalance.
      expect(clock.nowMs() - sinceMs).toBeLessThan(5_000)
      expect(stuck.notes.map(({ fields }) => fields.cause)).toContain(STUCK)
      for (const wave of orders.waves.slice(1)) simulation.write(wave)
      await simulation.until(allRun, 'it is back, as a new member')
      expect(clock.nowMs() - sinceMs).toBeGreaterThan(20_000)
      expect(stuck.thread.snapshot().counters.migrations).toBeGreaterThan(0)
      await simulation.until(() => simulation.hasCommitted('orders', orders.inputs), 'all is done')
      await simulation.stopAll()
    })
    orders.expectExact(simulation)
  })
})
