import { expect, test } from 'vitest'
import { ordersScenario } from '../scenarios.fixtures.ts'
import { Disk } from '../disk.fixtures.ts'
import type { Life } from '../life.fixtures.ts'
import { Simulation } from '../simulation.fixtures.ts'

const orders = ordersScenario({ items: 6, waves: 3 })

async function play(
  scene: (simulation: Simulation, start: (clientId: string, disk?: Disk) => Life) => Promise<void>,
): Promise<void> {
  using simulation = new Simulation()
  for (const name of orders.topics) simulation.cluster.createTopic(name, 2)
  await simulation.clock.run(async () => {
    await scene(simulation, (clientId, disk = new Disk()) =>
      simulation.start({ topology: orders.topology, disk, clientId }),
    )
    await simulation.stopAll()
  })
  orders.expectExact(simulation)
}

const processed = (life: Life): number => life.thread.snapshot().counters.processed

test('a paused thread commits what is done, processes nothing, and keeps its tasks', async () => {
  await play(async (simulation, start) => {
    const life = start('one')
    const committed = (): Promise<void> =>
      simulation.until(() => simulation.hasCommitted('orders', orders.inputs), 'committed')
    simulation.write(orders.waves[0] ?? [])
    await simulation.until(() => processed(life) > 0, 'it is at work')
    life.thread.pause(true)
    const doneBefore = processed(life)
    await simulation.clock.sleep(100)
    const generation = simulation.cluster.groupState('orders')?.generation
    expect(life.thread.snapshot().stores.every(({ dirtyBytes }) => dirtyBytes >= 0)).toBe(true)
    for (const wave of orders.waves.slice(1)) simulation.write(wave)
    // Longer than its session and its transactions.
    await simulation.clock.sleep(20_000)
    expect(processed(life)).toBe(doneBefore)
    expect(life.thread.state).toBe('running')
    expect(life.thread.snapshot().counters.migrations).toBe(0)
    expect(simulation.cluster.groupState('orders')?.generation).toBe(generation)
    life.thread.pause(false)
    await committed()
    expect(processed(life)).toBe(orders.waves.flat().length)
  })
})

test('a paused thread restores what it is given, and works on it when it may', async () => {
  await play(async (simulation, start) => {
    const [one, two] = [start('one'), start('two')]
    two.thread.pause(true)
    simulation.write(orders.waves[0] ?? [])
    await simulation.until(
      () => [one, two].every(({ thread }) => thread.state === 'running'),
      'both run',
    )
    await simulation.until(() => processed(one) > 0, 'one is at work')
    await simulation.clock.sleep(500)
    expect(processed(two)).toBe(0)
    await one.stop()
    await simulation.until(
      () => two.thread.state === 'running' && two.thread.tasks.length === 2,
      'the paused one has all',
    )
    expect(two.thread.snapshot().counters.restored).toBeGreaterThan(0)
    expect(processed(two)).toBe(0)
    two.thread.pause(false)
    for (const wave of orders.waves.slice(1)) simulation.write(wave)
    await simulation.until(() => simulation.hasCommitted('orders', orders.inputs), 'committed')
  })
})
