import { expect, test } from 'vitest'
import { bytesOf, simulate } from './client.fixtures.ts'
import { byCount, client, HEARTBEAT_MS, joined } from './group-membership.fixtures.ts'
import type { Assign } from './group-membership.ts'

test('a fenced static member is told so by join and by its state', async () => {
  using simulation = simulate()
  const first = await client(simulation, 'first', { instanceId: 'pod-1' })
  await simulation.clock.run(() => joined(first, 'first'))
  const second = await client(simulation, 'second', { instanceId: 'pod-1' })
  await simulation.clock.run(() => joined(second, 'second'))
  await simulation.clock.advance(HEARTBEAT_MS)
  expect([first.membership.state, first.membership.member]).toEqual(['lost', undefined])
  await expect(simulation.clock.run(() => joined(first, 'first'))).rejects.toMatchObject({
    code: 'FENCED_INSTANCE_ID',
  })
  expect(second.membership.state).toBe('stable')
})

test('a static member that was fenced before it was in takes its place back, once', async () => {
  using simulation = simulate()
  const first = await client(simulation, 'first', { instanceId: 'pod-1' })
  const ghost = await client(simulation, 'ghost', { instanceId: 'pod-1' })
  // As when a join whose sender is dead, or waits no more, comes while the group agrees.
  let overtaken = false
  const assign: Assign = async (members) => {
    if (!overtaken) {
      overtaken = true
      await joined(ghost, 'ghost')
    }
    return byCount(members)
  }
  await simulation.clock.run(() => first.membership.join(bytesOf('first'), assign))
  expect([overtaken, first.membership.state]).toEqual([true, 'stable'])
  await simulation.clock.advance(HEARTBEAT_MS)
  expect(ghost.membership.state).toBe('lost')

  const other = await client(simulation, 'other', { instanceId: 'pod-1' })
  await simulation.clock.run(() => joined(other, 'other'))
  await expect(simulation.clock.run(() => joined(first, 'first'))).rejects.toMatchObject({
    code: 'FENCED_INSTANCE_ID',
  })
})

test('a static member leaves without telling, because it is expected back', async () => {
  using simulation = simulate()
  const a = await client(simulation, 'a', { instanceId: 'pod-1' })
  await simulation.clock.run(() => joined(a, 'a'))
  await simulation.clock.run(() => a.membership.leave())
  expect(simulation.cluster.faults.count(({ api }) => api === 'leaveGroup')).toBe(0)
})
