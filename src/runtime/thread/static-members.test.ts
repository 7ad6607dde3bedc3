import { expect, test } from 'vitest'
import { Disk } from '../disk.fixtures.ts'
import type { Life } from '../life.fixtures.ts'
import { ordersScenario } from '../scenarios.fixtures.ts'
import { Simulation } from '../simulation.fixtures.ts'

const orders = ordersScenario({ items: 6, waves: 3 })
const SESSION_MS = 5_000

interface Scene {
  readonly simulation: Simulation
  readonly start: (clientId: string, instanceId: string, disk?: Disk) => Life
  readonly generation: () => number | undefined
  readonly committed: () => Promise<void>
}

/** What the scene leaves of the input is processed in the end; all of it must be exact. */
async function play(scene: (scene: Scene) => Promise<void>): Promise<void> {
  using simulation = new Simulation()
  for (const name of orders.topics) simulation.cluster.createTopic(name, 2)
  await simulation.clock.run(async () => {
    await scene({
      simulation,
      start: (clientId, instanceId, disk = new Disk()) =>
        simulation.start({
          topology: orders.topology,
          disk,
          clientId,
          instanceId,
          processId: instanceId,
          sessionTimeoutMs: SESSION_MS,
        }),
      generation: () => simulation.cluster.groupState('orders')?.generation,
      committed: () =>
        simulation.until(() => simulation.hasCommitted('orders', orders.inputs), 'committed'),
    })
    await simulation.stopAll()
  })
}

const running = (simulation: Simulation, ...lives: readonly Life[]): Promise<void> =>
  simulation.until(() => lives.every(({ thread }) => thread.state === 'running'), 'they run')

test('a static member that is stopped and started again moves nothing', async () => {
  await play(async ({ simulation, start, generation, committed }) => {
    const disk = new Disk()
    const [before, other] = [start('a-1', 'a', disk), start('b-1', 'b')]
    await simulation.until(() => other.thread.tasks.length === 1, 'tasks are shared')
    await running(simulation, before, other)
    const [agreed, tasks] = [generation(), before.thread.tasks.map(({ id }) => id)]
    expect(await before.stop()).toBeUndefined()
    expect(before.notes.map(({ message }) => message)).toContain(
      'a static member goes, and may come back',
    )
    for (const wave of orders.waves) simulation.write(wave)
    await simulation.clock.sleep(SESSION_MS / 2)
    const after = start('a-2', 'a', disk)
    await running(simulation, after)
    expect(after.thread.tasks.map(({ id }) => id)).toEqual(tasks)
    await committed()
    expect(generation()).toBe(agreed)
    expect(other.thread.tasks).toHaveLength(1)
  })
})

test('a static member that does not come back in time is done without', async () => {
  await play(async ({ simulation, start }) => {
    const [one, two] = [start('a-1', 'a'), start('b-1', 'b')]
    await running(simulation, one, two)
    expect(await one.stop()).toBeUndefined()
    const sinceMs = simulation.clock.nowMs()
    await simulation.until(() => two.thread.tasks.length === 2, 'the other one has all')
    expect(simulation.clock.nowMs() - sinceMs).toBeGreaterThan(SESSION_MS - 1_500)
  })
})

test('a static member that is removed for good is gone at once', async () => {
  await play(async ({ simulation, start }) => {
    const [one, two] = [start('a-1', 'a'), start('b-1', 'b')]
    await running(simulation, one, two)
    one.thread.stop(true)
    expect(await one.ended).toBeUndefined()
    const sinceMs = simulation.clock.nowMs()
    await simulation.until(() => two.thread.tasks.length === 2, 'the other one has all')
    expect(simulation.clock.nowMs() - sinceMs).toBeLessThan(1_000)
  })
})
