import { expect, test } from 'vitest'
import { KafkaError } from '../port.ts'
import { bytesOf, simulate, textOf, warningsOf, type Simulation } from './client.fixtures.ts'
import {
  byCount,
  client,
  HEARTBEAT_MS,
  joined,
  SESSION_MS,
  type Client,
} from './group-membership.fixtures.ts'
import type { Assign } from './group-membership.ts'

/** Both join until they agree on one generation. */
async function joinTogether(simulation: Simulation, a: Client, b: Client) {
  await simulation.clock.run(() => joined(a, 'a'))
  const joining = joined(b, 'b')
  await simulation.clock.advance(HEARTBEAT_MS)
  const assignments = await simulation.clock.run(() => Promise.all([joined(a, 'a'), joining]))
  return assignments
}

test('a single member leads its group and assigns to itself', async () => {
  using simulation = simulate()
  const a = await client(simulation, 'a')
  expect([a.membership.state, a.membership.member]).toEqual(['unjoined', undefined])
  expect(await simulation.clock.run(() => joined(a, 'a'))).toBe('a of 1')
  expect(a.states).toEqual(['stable'])
  expect(a.membership.member).toMatchObject({ groupId: 'billing', generation: 1, instanceId: null })
  expect(simulation.cluster.groupState('billing')).toMatchObject({ state: 'Stable' })
})

test('heartbeats keep the session, from the join on and without anybody asking', async () => {
  using simulation = simulate()
  const a = await client(simulation, 'a')
  await simulation.clock.run(() => joined(a, 'a'))
  await simulation.clock.advance(10 * SESSION_MS)
  expect(a.membership.state).toBe('stable')
  expect(simulation.cluster.groupState('billing')?.members.length).toBe(1)
  const beats = simulation.cluster.faults.count(({ api }) => api === 'heartbeat')
  expect(beats).toBe(Math.floor((10 * SESSION_MS) / HEARTBEAT_MS))
})

test('when another member joins, the first one hears of it, is still a member, and joins again', async () => {
  using simulation = simulate()
  const [a, b] = [await client(simulation, 'a'), await client(simulation, 'b')]
  await simulation.clock.run(() => joined(a, 'a'))
  const old = a.membership.member
  const joining = joined(b, 'b')
  await simulation.clock.advance(HEARTBEAT_MS)
  expect([a.membership.state, a.membership.member]).toEqual(['rebalancing', old])
  const port = await simulation.connect('committer')
  await port.offsetCommit(old!, [])

  await simulation.clock.advance(HEARTBEAT_MS)
  expect(a.membership.state).toBe('rebalancing')
  const assignments = await simulation.clock.run(() => Promise.all([joined(a, 'a'), joining]))
  expect(assignments).toEqual(['a of 2', 'b of 2'])
  expect([a.states, b.states]).toEqual([['stable', 'rebalancing', 'stable'], ['stable']])
  expect([a.membership.member?.generation, b.membership.member?.generation]).toEqual([2, 2])
  expect(a.membership.member?.memberId).toBe(old?.memberId)
})

test('a member that expects a rebalance hears of it soon, of the next one as usual', async () => {
  using simulation = simulate()
  const [a, b, c] = [
    await client(simulation, 'a'),
    await client(simulation, 'b'),
    await client(simulation, 'c'),
  ]
  await simulation.clock.run(() => joined(a, 'a'))
  await simulation.clock.advance(HEARTBEAT_MS / 2)
  a.membership.expectRebalance()
  const joining = joined(b, 'b')
  await simulation.clock.advance(150)
  expect(a.membership.state).toBe('rebalancing')
  await simulation.clock.run(() => Promise.all([joined(a, 'a'), joining]))
  const third = joined(c, 'c')
  await simulation.clock.advance(150)
  expect(a.membership.state).toBe('stable')
  await simulation.clock.advance(HEARTBEAT_MS)
  expect(a.membership.state).toBe('rebalancing')
  await simulation.clock.run(() => Promise.all([joined(a, 'a'), joined(b, 'b'), third]))
})

test('a member that leaves gives way at once', async () => {
  using simulation = simulate()
  const [a, b] = [await client(simulation, 'a'), await client(simulation, 'b')]
  await joinTogether(simulation, a, b)
  await simulation.clock.run(() => b.membership.leave())
  expect([b.membership.state, b.membership.member]).toEqual(['unjoined', undefined])
  await simulation.clock.advance(HEARTBEAT_MS)
  expect(a.membership.state).toBe('rebalancing')
  expect(await simulation.clock.run(() => joined(a, 'a'))).toBe('a of 1')
})

test('a member that closes without leaving is waited for until its session ends', async () => {
  using simulation = simulate()
  const [a, b] = [await client(simulation, 'a'), await client(simulation, 'b')]
  await joinTogether(simulation, a, b)
  await b.membership.close()
  await simulation.clock.advance(SESSION_MS / 2)
  expect(a.membership.state).toBe('stable')
  await simulation.clock.advance(SESSION_MS)
  expect(a.membership.state).toBe('rebalancing')
})

test('a member that cannot reach the group for a session has lost its generation', async () => {
  using simulation = simulate()
  const a = await client(simulation, 'a')
  await simulation.clock.run(() => joined(a, 'a'))
  const old = a.membership.member
  const thaw = simulation.cluster.faults.freeze('a')
  await simulation.clock.advance(SESSION_MS - 1)
  expect(a.membership.state).toBe('stable')
  await simulation.clock.advance(1)
  expect([a.membership.state, a.membership.member]).toEqual(['lost', undefined])
  await simulation.clock.advance(SESSION_MS)
  thaw()
  expect(await simulation.clock.run(() => joined(a, 'a'))).toBe('a of 1')
  expect(a.membership.member?.memberId).not.toBe(old?.memberId)
  expect(a.states).toEqual(['stable', 'lost', 'stable'])
})

test('heartbeats whose answers are lost end the session, though the requests arrive', async () => {
  using simulation = simulate()
  const a = await client(simulation, 'a')
  await simulation.clock.run(() => joined(a, 'a'))
  simulation.cluster.faults.loseReply(({ api }) => api === 'heartbeat', Infinity)
  await simulation.clock.advance(SESSION_MS)
  expect(a.membership.state).toBe('lost')
})

test('a few failed heartbeats do not matter', async () => {
  using simulation = simulate()
  const a = await client(simulation, 'a')
  await simulation.clock.run(() => joined(a, 'a'))
  const { faults } = simulation.cluster
  faults.loseRequest(({ api }) => api === 'heartbeat', 20)
  await simulation.clock.advance(SESSION_MS)
  faults.coordinatorGone('group', 'billing', SESSION_MS / 2)
  await simulation.clock.advance(SESSION_MS)
  faults.moveCoordinator('group', 'billing')
  await simulation.clock.advance(SESSION_MS)
  expect(a.states).toEqual(['stable'])
})

test('a member the group has forgotten hears of it and comes back as a new one', async () => {
  using simulation = simulate()
  const [a, b] = [await client(simulation, 'a'), await client(simulation, 'b')]
  await joinTogether(simulation, a, b)
  const old = b.membership.member
  simulation.cluster.faults.refuse(
    ({ api, clientId }) => api === 'heartbeat' && clientId === 'b',
    'UNKNOWN_MEMBER_ID',
  )
  await simulation.clock.advance(HEARTBEAT_MS)
  expect([b.membership.state, b.membership.member]).toEqual(['lost', undefined])
  const joining = joined(b, 'b')
  await simulation.clock.advance(HEARTBEAT_MS)
  await simulation.clock.run(() => Promise.all([joined(a, 'a'), joining]))
  expect(b.membership.member?.memberId).not.toBe(old?.memberId)
})

test('a member that is thrown out during its join comes back as a new one and says so', async () => {
  using simulation = simulate()
  const a = await client(simulation, 'a')
  await simulation.clock.run(() => joined(a, 'a'))
  const old = a.membership.member
  simulation.cluster.faults.refuse(({ api }) => api === 'syncGroup', 'UNKNOWN_MEMBER_ID')
  expect(await simulation.clock.run(() => joined(a, 'a'))).not.toBeNull()
  expect(a.states).toEqual(['stable', 'rebalancing', 'lost', 'stable'])
  expect(a.membership.member?.memberId).not.toBe(old?.memberId)
})

test('an old generation is lost', async () => {
  using simulation = simulate()
  const a = await client(simulation, 'a')
  await simulation.clock.run(() => joined(a, 'a'))
  simulation.cluster.faults.refuse(({ api }) => api === 'heartbeat', 'ILLEGAL_GENERATION')
  await simulation.clock.advance(HEARTBEAT_MS)
  expect([a.membership.state, a.membership.member]).toEqual(['lost', undefined])
  await simulation.clock.run(() => joined(a, 'a'))
  expect(a.membership.state).toBe('stable')
})

test('a join goes on through lost answers, a coordinator that is gone, and one that moves', async () => {
  using simulation = simulate({ brokers: 3 })
  const a = await client(simulation, 'a')
  const { faults } = simulation.cluster
  faults.loseReply(({ api }) => api === 'joinGroup')
  faults.loseReply(({ api }) => api === 'syncGroup')
  faults.coordinatorGone('group', 'billing', 4_000)
  const joining = joined(a, 'a')
  await simulation.clock.advance(2_000)
  faults.moveCoordinator('group', 'billing')
  expect(await simulation.clock.run(() => joining)).toMatch(/^a of /)
  expect(a.membership.state).toBe('stable')
})

test('a group that cannot be joined for long is worth one warning', async () => {
  using simulation = simulate()
  const { logger, warnings } = warningsOf()
  const a = await client(simulation, 'a', { logger })
  simulation.cluster.faults.coordinatorGone('group', 'billing', 60_000)
  await simulation.clock.run(() => joined(a, 'a'))
  expect(warnings).toEqual(['joining the group again'])
})

test('a rebalance that begins during the sync starts the join again', async () => {
  using simulation = simulate()
  const a = await client(simulation, 'a')
  simulation.cluster.faults.refuse(({ api }) => api === 'syncGroup', 'REBALANCE_IN_PROGRESS', 2)
  expect(await simulation.clock.run(() => joined(a, 'a'))).toBe('a of 1')
  expect(simulation.cluster.faults.count(({ api }) => api === 'joinGroup')).toBe(3)
})

test('a leader that takes longer than a session to assign keeps its session', async () => {
  using simulation = simulate()
  const a = await client(simulation, 'a')
  const slowly: Assign = async (members) => {
    await simulation.clock.sleep(2 * SESSION_MS)
    return byCount(members)
  }
  const assignment = simulation.clock.run(() => a.membership.join(bytesOf('a'), slowly))
  expect(textOf(await assignment)).toBe('a of 1')
  expect(simulation.cluster.faults.count(({ api }) => api === 'joinGroup')).toBe(1)
})

test.for(['REBALANCE_IN_PROGRESS', 'ILLEGAL_GENERATION'])(
  'until the sync is answered, its answer counts and not that of a heartbeat (%s)',
  async (code) => {
    using simulation = simulate()
    const a = await client(simulation, 'a')
    simulation.cluster.faults.refuse(({ api }) => api === 'heartbeat', code)
    const slowly: Assign = async (members) => {
      await simulation.clock.sleep(SESSION_MS / 2)
      return byCount(members)
    }
    await simulation.clock.run(() => a.membership.join(bytesOf('a'), slowly))
    expect(a.states).toEqual(['stable'])
    simulation.cluster.faults.refuse(({ api }) => api === 'heartbeat', code)
    await simulation.clock.run(() => a.membership.join(bytesOf('a'), slowly))
    await simulation.clock.advance(5 * SESSION_MS)
    expect(a.states).toEqual(['stable', 'rebalancing', 'stable'])
    expect(simulation.cluster.groupState('billing')?.members.length).toBe(1)
  },
)

test('between the answers of JoinGroup and SyncGroup there is no generation to commit in', async () => {
  using simulation = simulate()
  const a = await client(simulation, 'a')
  await simulation.clock.run(() => joined(a, 'a'))
  const old = a.membership.member
  const seen: unknown[] = []
  simulation.cluster.faults.onRequest(({ api }) => api === 'joinGroup', {
    after: () => {
      seen.push(a.membership.member)
      return undefined
    },
  })
  const watching: Assign = async (members) => {
    seen.push(a.membership.member)
    return byCount(members)
  }
  await simulation.clock.run(() => a.membership.join(bytesOf('other'), watching))
  expect(seen).toEqual([old, undefined])
  expect(a.membership.member).toEqual({ ...old, generation: 2 })
})

test('while a join waits for others, the session does not end', async () => {
  using simulation = simulate()
  const [a, b] = [await client(simulation, 'a'), await client(simulation, 'b')]
  await simulation.clock.run(() => joined(a, 'a'))
  const joining = joined(b, 'b')
  await simulation.clock.advance(25_000)
  expect(a.membership.state).toBe('rebalancing')
  const assignments = await simulation.clock.run(() => Promise.all([joined(a, 'a'), joining]))
  expect(assignments).toEqual(['a of 2', 'b of 2'])
})

test('a refused join rejects, and so does one whose assignment fails', async () => {
  using simulation = simulate()
  const a = await client(simulation, 'a')
  simulation.cluster.faults.refuse(({ api }) => api === 'joinGroup', 'GROUP_AUTHORIZATION_FAILED')
  await expect(simulation.clock.run(() => joined(a, 'a'))).rejects.toMatchObject({
    code: 'GROUP_AUTHORIZATION_FAILED',
  })
  const failing: Assign = () => Promise.reject(new Error('no plan'))
  await expect(
    simulation.clock.run(() => a.membership.join(bytesOf('a'), failing)),
  ).rejects.toThrow('no plan')
  expect(a.membership.state).toBe('unjoined')
})

test('closing ends a join that waits', async () => {
  using simulation = simulate()
  const [a, b] = [await client(simulation, 'a'), await client(simulation, 'b')]
  await simulation.clock.run(() => joined(a, 'a'))
  const joining = joined(b, 'b')
  const refused = expect(joining).rejects.toBeInstanceOf(KafkaError)
  await simulation.clock.advance(1_000)
  await b.membership.close()
  await refused
  await expect(joined(b, 'b')).rejects.toMatchObject({ code: 'MEMBER_CLOSED' })
})

test('a member that leaves while its join waits leaves no ghost behind', async () => {
  using simulation = simulate()
  const [a, b] = [await client(simulation, 'a'), await client(simulation, 'b')]
  await simulation.clock.run(() => joined(a, 'a'))
  const refused = expect(joined(b, 'b')).rejects.toBeInstanceOf(KafkaError)
  await simulation.clock.advance(1_000)
  await simulation.clock.run(() => b.membership.leave())
  await refused
  await simulation.clock.advance(HEARTBEAT_MS)
  await simulation.clock.run(() => joined(a, 'a'))
  const before = simulation.clock.nowMs()
  await simulation.clock.run(() => joined(a, 'a'))
  expect(simulation.clock.nowMs() - before).toBeLessThan(HEARTBEAT_MS)
  expect(simulation.cluster.groupState('billing')?.members.map(({ clientId }) => clientId)).toEqual(
    ['a'],
  )
})

test('leaving takes seconds at most when nobody answers', async () => {
  using simulation = simulate()
  const a = await client(simulation, 'a')
  await simulation.clock.run(() => joined(a, 'a'))
  simulation.cluster.faults.freeze('a')
  const before = simulation.clock.nowMs()
  await simulation.clock.run(() => a.membership.leave())
  expect(simulation.clock.nowMs() - before).toBe(3_000)
})
