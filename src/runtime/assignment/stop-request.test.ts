import { expect, test } from 'vitest'
import { silentLogger } from '../../core/logger.ts'
import { Disk } from '../disk.fixtures.ts'
import { testConfig } from '../life.fixtures.ts'
import { ordersScenario } from '../scenarios.fixtures.ts'
import { Simulation } from '../simulation.fixtures.ts'
import { requestStop } from './stop-request.ts'

const orders = ordersScenario({ items: 6, waves: 3 })
const reason = {
  code: 'APPLICATION_STOPPED',
  message: 'thread 0 of process p has stopped the application: broken',
  hint: 'Look there.',
} as const

function simulated(): Simulation {
  const simulation = new Simulation()
  for (const name of orders.topics) simulation.cluster.createTopic(name, 2)
  return simulation
}

const request = async (simulation: Simulation, processId = 'p'): Promise<void> =>
  requestStop({
    ...testConfig,
    port: await simulation.connect(`herald of ${processId}`),
    clock: simulation.clock,
    logger: silentLogger,
    topology: orders.topology,
    applicationId: 'orders',
    processId,
    reason,
  })

test('every member commits what it has done, and ends with the reason; later ones run', async () => {
  using simulation = simulated()
  const { clock, cluster } = simulation
  await clock.run(async () => {
    const rarely = { commitIntervalMs: 20_000, transactionTimeoutMs: 60_000 }
    const start = (clientId: string) =>
      simulation.start({ topology: orders.topology, disk: new Disk(), clientId, ...rarely })
    const lives = ['one', 'two', 'three'].map(start)
    await simulation.until(() => lives.every(({ thread }) => thread.state === 'running'), 'all run')
    simulation.write(orders.waves[0] ?? [])
    const processed = (): number =>
      lives.reduce((sum, { thread }) => sum + thread.snapshot().counters.processed, 0)
    await simulation.until(() => processed() === orders.waves[0]?.length, 'it is done')
    const sinceMs = clock.nowMs()
    await request(simulation)
    for (const life of lives) expect(await life.ended).toMatchObject(reason)
    // A heartbeat or two, of 250 ms.
    expect(clock.nowMs() - sinceMs).toBeLessThan(1_000)
    expect(simulation.hasCommitted('orders', orders.inputs)).toBe(true)
    expect(cluster.groupState('orders')?.members).toEqual([])
    for (const wave of orders.waves.slice(1)) simulation.write(wave)
    const later = start('later')
    await simulation.until(() => later.thread.tasks.length === 2, 'it runs')
    expect(await later.stop()).toBeUndefined()
    expect(simulation.hasCommitted('orders', orders.inputs)).toBe(true)
    await clock.sleep(2_000)
  })
  orders.expectExact(simulation)
})

test('two that wish it at a time are both heard, and an empty group has nobody to tell', async () => {
  using simulation = simulated()
  await simulation.clock.run(async () => {
    const life = simulation.start({
      topology: orders.topology,
      disk: new Disk(),
      clientId: 'one',
    })
    await simulation.until(() => life.thread.state === 'running', 'it runs')
    await Promise.all([request(simulation, 'p'), request(simulation, 'q')])
    expect(await life.ended).toMatchObject(reason)
    await request(simulation, 'r')
    expect(simulation.cluster.groupState('orders')?.members).toEqual([])
  })
})

test('a group that does not answer is not waited for without end', async () => {
  using simulation = simulated()
  await simulation.clock.run(async () => {
    simulation.cluster.faults.delay(({ api }) => api === 'joinGroup', 600_000)
    const sinceMs = simulation.clock.nowMs()
    await expect(request(simulation)).rejects.toMatchObject({ code: 'REQUEST_TIMED_OUT' })
    expect(simulation.clock.nowMs() - sinceMs).toBeLessThan(12_000)
  })
})
