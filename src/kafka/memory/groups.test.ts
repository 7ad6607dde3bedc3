import { describe, expect, test } from 'vitest'
import { refusalOf } from '../port.contract.kit.ts'
import type { JoinRequest, KafkaPort } from '../port.ts'
import { openSimulated } from './simulation.fixture.ts'

const SESSION_MS = 10_000
const REBALANCE_MS = 30_000

async function openGroup() {
  const at = await openSimulated()
  const join = (port: KafkaPort, overrides: Partial<JoinRequest> = {}) =>
    port.joinGroup({
      groupId: 'group',
      memberId: '',
      instanceId: null,
      sessionTimeoutMs: SESSION_MS,
      rebalanceTimeoutMs: REBALANCE_MS,
      protocolType: 'consumer',
      protocols: [{ name: 'sticky', metadata: Buffer.from('m') }],
      ...overrides,
    })
  const state = () => at.cluster.groupState('group')
  return { ...at, join, state }
}

const rebalancing = { code: 'REBALANCE_IN_PROGRESS', kind: 'rejoin' }
const unknownMember = { code: 'UNKNOWN_MEMBER_ID', kind: 'rejoin' }

/** Two members in one generation that has not been synced; `anna` leads. */
async function twoJoined(at: Awaited<ReturnType<typeof openGroup>>) {
  const [anna, ben] = [await at.port('anna'), await at.port('ben')]
  const alone = await at.join(anna)
  const benJoins = at.join(ben)
  await at.clock.sleep(1)
  const annaJoined = await at.join(anna, { memberId: alone.member.memberId })
  return { anna, ben, annaJoined, benJoined: await benJoins }
}

describe('a generation', () => {
  test('whose members are slow to sync goes on without them', async () => {
    await using at = await openGroup()
    const { anna, ben, annaJoined, benJoined } = await twoJoined(at)
    const syncing = anna.syncGroup(annaJoined.member, 'consumer', 'sticky', [])
    await syncing
    // Ben is alive, but never asks for what he was assigned.
    for (let ms = 0; ms < REBALANCE_MS; ms += 3_000) {
      await at.clock.sleep(3_000)
      await refusalOf(ben.heartbeat(benJoined.member))
      await refusalOf(anna.heartbeat(annaJoined.member))
    }
    expect(at.state()?.members.map(({ clientId }) => clientId)).toEqual(['anna'])
    expect(await refusalOf(anna.heartbeat(annaJoined.member))).toEqual(rebalancing)
  })

  test('that is left before it was synced is told to join again', async () => {
    await using at = await openGroup()
    const { anna, ben, annaJoined, benJoined } = await twoJoined(at)
    const waiting = refusalOf(ben.syncGroup(benJoined.member, 'consumer', 'sticky', []))
    await at.clock.sleep(1)
    await anna.leaveGroup(annaJoined.member)
    expect(await waiting).toEqual(rebalancing)
  })

  test('gets another leader when the leader is gone', async () => {
    await using at = await openGroup()
    const { anna, ben, annaJoined, benJoined } = await twoJoined(at)
    await anna.leaveGroup(annaJoined.member)
    const again = await at.join(ben, { memberId: benJoined.member.memberId })
    expect(again.leaderId).toBe(benJoined.member.memberId)
    expect(again.member.generation).toBe(benJoined.member.generation + 1)
  })

  test('is answered again to a member that joins again with nothing new', async () => {
    await using at = await openGroup()
    const { ben, benJoined } = await twoJoined(at)
    expect(await at.join(ben, { memberId: benJoined.member.memberId })).toEqual(benJoined)
  })
})

describe('a session', () => {
  test('is not over while its member waits for the others', async () => {
    await using at = await openGroup()
    const [anna, ben] = [await at.port('anna'), await at.port('ben')]
    const alone = await at.join(anna, { sessionTimeoutMs: 25_000 })
    await anna.syncGroup(alone.member, 'consumer', 'sticky', [])
    const startMs = at.clock.nowMs()
    const joined = await at.join(ben, { sessionTimeoutMs: 6_000 })
    // Anna never joins again: her session ends first, the rebalance timeout would come later.
    expect(at.clock.nowMs() - startMs).toBe(25_000)
    expect(joined.members.length).toBe(1)
  })

  test('that is over empties the group, which keeps its offsets', async () => {
    await using at = await openGroup()
    await at.createTopic('orders', 1)
    const anna = await at.port('anna')
    const { member } = await at.join(anna)
    await anna.syncGroup(member, 'consumer', 'sticky', [])
    await anna.offsetCommit(member, [{ topic: 'orders', partition: 0, offset: 3, metadata: '' }])
    await at.clock.sleep(SESSION_MS)
    expect(at.state()).toEqual({
      state: 'Empty',
      generation: 2,
      protocol: '',
      leaderId: '',
      members: [],
      offsets: new Map([['orders-0', 3]]),
    })
    expect(await refusalOf(anna.heartbeat(member))).toEqual(unknownMember)
  })

  test('does not end while no broker is up, and begins anew when one is', async () => {
    await using at = await openGroup()
    const anna = await at.port('anna')
    const { member } = await at.join(anna)
    await anna.syncGroup(member, 'consumer', 'sticky', [])
    at.cluster.faults.brokerDown(1)
    await at.clock.sleep(10 * SESSION_MS)
    at.cluster.faults.brokerUp(1)
    await at.clock.sleep(SESSION_MS - 1)
    expect(await refusalOf(anna.heartbeat(member))).toBe('accepted')
    await at.clock.sleep(SESSION_MS)
    expect(await refusalOf(anna.heartbeat(member))).toEqual(unknownMember)
  })

  test('is kept alive by commits, too', async () => {
    await using at = await openGroup()
    await at.createTopic('orders', 1)
    const anna = await at.port('anna')
    const { member } = await at.join(anna)
    await anna.syncGroup(member, 'consumer', 'sticky', [])
    for (let offset = 0; offset < 5; offset += 1) {
      await at.clock.sleep(SESSION_MS - 1)
      await anna.offsetCommit(member, [{ topic: 'orders', partition: 0, offset, metadata: '' }])
    }
    expect(at.state()?.members.length).toBe(1)
  })
})

describe('a static member', () => {
  test('that is away keeps its place in a new generation until its session is over', async () => {
    await using at = await openGroup()
    const [anna, ben] = [await at.port('anna'), await at.port('ben')]
    const how = { rebalanceTimeoutMs: 5_000, sessionTimeoutMs: 60_000 }
    const away = await at.join(anna, { ...how, instanceId: 'anna' })
    await anna.syncGroup(away.member, 'consumer', 'sticky', [])
    const joined = await at.join(ben, how)
    expect(joined.leaderId).toBe(joined.member.memberId)
    expect(joined.members.map(({ memberId }) => memberId)).toEqual([
      away.member.memberId,
      joined.member.memberId,
    ])
  })

  test('that comes back in the middle of a rebalance makes all join again', async () => {
    await using at = await openGroup()
    const [anna, ben] = [await at.port('anna'), await at.port('ben')]
    const before = await at.join(anna, { instanceId: 'anna' })
    const benJoins = at.join(ben)
    await at.clock.sleep(1)
    await at.join(anna, { instanceId: 'anna', memberId: before.member.memberId })
    const benJoined = await benJoins
    const waiting = refusalOf(ben.syncGroup(benJoined.member, 'consumer', 'sticky', []))
    const back = at.join(anna, { instanceId: 'anna' })
    expect(await waiting).toEqual(rebalancing)
    await at.join(ben, { memberId: benJoined.member.memberId })
    expect((await back).member.generation).toBe(benJoined.member.generation + 1)
  })
})

test('a newer request of a member takes the place of the one that waits', async () => {
  await using at = await openGroup()
  const [anna, ben] = [await at.port('anna'), await at.port('ben')]
  const alone = await at.join(anna)
  const benJoins = at.join(ben)
  await at.clock.sleep(1)
  const annaJoined = await at.join(anna, { memberId: alone.member.memberId })
  const { member } = await benJoins
  const first = refusalOf(ben.syncGroup(member, 'consumer', 'sticky', []))
  const second = ben.syncGroup(member, 'consumer', 'sticky', [])
  await at.clock.sleep(1)
  await anna.syncGroup(annaJoined.member, 'consumer', 'sticky', [
    { memberId: member.memberId, assignment: Buffer.from('for ben') },
  ])
  expect(await first).toMatchObject({ kind: 'network' })
  expect(String(await second)).toBe(String(new Uint8Array(Buffer.from('for ben'))))
})
