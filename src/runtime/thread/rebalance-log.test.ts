import { expect, test } from 'vitest'
import { Disk } from '../disk.fixtures.ts'
import type { Life } from '../life.fixtures.ts'
import { ordersScenario } from '../scenarios.fixtures.ts'
import { Simulation } from '../simulation.fixtures.ts'

const orders = ordersScenario({ items: 6, waves: 3 })

const notesOf = (life: Life, message: string) =>
  life.notes.filter((note) => note.message === message).map(({ fields }) => fields)

test('who joins and why, who leads, what moves and who is gone stands in the log', async () => {
  using simulation = new Simulation()
  for (const name of orders.topics) simulation.cluster.createTopic(name, 2)
  await simulation.clock.run(async () => {
    const start = (clientId: string): Life =>
      simulation.start({ topology: orders.topology, disk: new Disk(), clientId })
    const one = start('one')
    await simulation.until(() => one.thread.state === 'running', 'it runs')
    const two = start('two')
    await simulation.until(() => two.thread.tasks.length === 1, 'a task has moved')
    expect(await two.stop()).toBeUndefined()
    await simulation.until(() => one.thread.tasks.length === 2, 'it has moved back')

    expect(notesOf(one, 'thread starting')).toEqual([{ process: 'one', instanceId: null }])
    const reasons = notesOf(two, 'joining the group').map(({ reason }) => reason)
    expect(reasons[0]).toBe('the thread starts')
    expect(new Set(notesOf(one, 'joining the group').map(({ reason }) => reason))).toEqual(
      new Set([
        'the thread starts',
        'the group rebalances',
        'tasks that are to move have been closed',
      ]),
    )
    const led = notesOf(one, 'the tasks of the group are assigned')
    expect(led[0]).toMatchObject({ members: 1, joined: ['one-0'], gone: [], tasks: 2, waiting: 0 })
    expect(led[1]).toMatchObject({ members: 2, joined: ['two-0'], gone: [] })
    expect(led.at(-1)).toMatchObject({ members: 1, joined: [], gone: ['two-0'], waiting: 0 })

    const assigned = notesOf(one, 'assigned')
    expect(assigned[0]).toEqual({
      generation: 1,
      leader: true,
      tookMs: expect.any(Number),
      active: ['0_0', '0_1'],
      standby: [],
      revoked: [],
    })
    expect(assigned.flatMap(({ revoked }) => revoked)).toHaveLength(1)
    expect(notesOf(two, 'assigned').map(({ leader }) => leader)).toEqual(
      notesOf(two, 'assigned').map(() => false),
    )
    expect(notesOf(two, 'leaving the group')).toEqual([{ reason: 'the thread was stopped' }])
    await one.stop()
  })
})
