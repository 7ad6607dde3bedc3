import { describe, expect, test } from 'vitest'
import {
  bytes,
  refusalOf,
  retried,
  text,
  uniqueName,
  type ContractCluster,
} from './port.contract.kit.ts'
import type { GroupMember, JoinRequest, JoinResponse, KafkaPort } from './port.ts'

const PROTOCOL_TYPE = 'consumer'
/** The least a broker allows unless told otherwise. */
const SESSION_TIMEOUT_MS = 6_000

interface JoinHow {
  readonly memberId?: string
  readonly instanceId?: string
  readonly rebalanceTimeoutMs?: number
  readonly protocols?: readonly string[]
}

/** A group under test: its members join with their name as metadata. */
async function openGroup(open: () => Promise<ContractCluster>) {
  const cluster = await open()
  const { clock } = cluster
  const groupId = uniqueName('group')
  const join = (port: KafkaPort, name: string, how: JoinHow = {}): Promise<JoinResponse> => {
    const request: JoinRequest = {
      groupId,
      memberId: how.memberId ?? '',
      instanceId: how.instanceId ?? null,
      sessionTimeoutMs: SESSION_TIMEOUT_MS,
      rebalanceTimeoutMs: how.rebalanceTimeoutMs ?? 10_000,
      protocolType: PROTOCOL_TYPE,
      protocols: (how.protocols ?? ['sticky']).map((protocol) => ({
        name: protocol,
        metadata: bytes(`${name} by ${protocol}`),
      })),
    }
    return retried(clock, () => port.joinGroup(request))
  }
  const sync = async (
    port: KafkaPort,
    { member, protocol }: JoinResponse,
    assignments: Readonly<Record<string, string>> = {},
  ): Promise<string | null> =>
    text(
      await port.syncGroup(
        member,
        PROTOCOL_TYPE,
        protocol,
        Object.entries(assignments).map(([memberId, assignment]) => ({
          memberId,
          assignment: bytes(assignment),
        })),
      ),
    )
  /** Heartbeats until the group answers something else than "go on". */
  const heartbeatUntil = async (port: KafkaPort, member: GroupMember) => {
    for (let beat = 0; beat < 100; beat += 1) {
      const answer = await refusalOf(port.heartbeat(member))
      if (answer !== 'accepted') return answer
      await clock.sleep(100)
    }
    return 'accepted' as const
  }
  return {
    cluster,
    clock,
    groupId,
    join,
    sync,
    heartbeatUntil,
    [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose](),
  }
}

type OpenedGroup = Awaited<ReturnType<typeof openGroup>>

const rebalancing = { code: 'REBALANCE_IN_PROGRESS', kind: 'rejoin' }
const unknownMember = { code: 'UNKNOWN_MEMBER_ID', kind: 'rejoin' }
const staleGeneration = { code: 'ILLEGAL_GENERATION', kind: 'rejoin' }

/** Two members in one generation, the first of them the leader. */
async function twoMembers(at: OpenedGroup, how: JoinHow = {}) {
  const [anna, ben] = [await at.cluster.port('anna'), await at.cluster.port('ben')]
  const alone = await at.join(anna, 'anna', how)
  await at.sync(anna, alone, { [alone.member.memberId]: 'everything' })
  const benJoins = at.join(ben, 'ben', how)
  expect(await at.heartbeatUntil(anna, alone.member)).toEqual(rebalancing)
  const annaJoined = await at.join(anna, 'anna', { ...how, memberId: alone.member.memberId })
  return { anna, ben, alone, annaJoined, benJoined: await benJoins }
}

export function groupsContract(open: () => Promise<ContractCluster>): void {
  generationsContract(open)
  departuresContract(open)
  staticMembersContract(open)
  describeGroupsContract(open)
}

function generationsContract(open: () => Promise<ContractCluster>): void {
  describe('a group', () => {
    test('of one member: it leads and gets what it assigns itself', async () => {
      await using at = await openGroup(open)
      const port = await at.cluster.port('anna')
      const joined = await at.join(port, 'anna')
      const { memberId } = joined.member
      expect(memberId).not.toBe('')
      expect(joined).toMatchObject({ leaderId: memberId, protocol: 'sticky' })
      expect(joined.members.map(({ metadata }) => text(metadata))).toEqual(['anna by sticky'])
      expect(await at.sync(port, joined, { [memberId]: 'everything' })).toBe('everything')
      await port.heartbeat(joined.member)
    })

    test('of two: the leader hears of both and assigns to both', async () => {
      await using at = await openGroup(open)
      const { anna, ben, alone, annaJoined, benJoined } = await twoMembers(at)

      expect(annaJoined.member.generation).toBeGreaterThan(alone.member.generation)
      expect(benJoined.member.generation).toBe(annaJoined.member.generation)
      expect(benJoined.leaderId).toBe(annaJoined.leaderId)
      const [leads, follows] =
        annaJoined.leaderId === annaJoined.member.memberId
          ? [annaJoined, benJoined]
          : [benJoined, annaJoined]
      expect(new Set(leads.members.map(({ metadata }) => text(metadata)))).toEqual(
        new Set(['anna by sticky', 'ben by sticky']),
      )
      expect(follows.members).toEqual([])
      const assignments = {
        [annaJoined.member.memberId]: 'for anna',
        [benJoined.member.memberId]: 'for ben',
      }
      const [annas, bens] = await Promise.all([
        at.sync(anna, annaJoined, leads === annaJoined ? assignments : {}),
        at.sync(ben, benJoined, leads === benJoined ? assignments : {}),
      ])
      expect([annas, bens]).toEqual(['for anna', 'for ben'])
      await Promise.all([anna.heartbeat(annaJoined.member), ben.heartbeat(benJoined.member)])
    })

    test('agrees on a protocol that all speak, and refuses who speaks none of them', async () => {
      await using at = await openGroup(open)
      const [anna, ben] = [await at.cluster.port('anna'), await at.cluster.port('ben')]
      const alone = await at.join(anna, 'anna', { protocols: ['new', 'old'] })
      expect(alone.protocol).toBe('new')
      await at.sync(anna, alone, { [alone.member.memberId]: 'all' })
      expect(await refusalOf(at.join(ben, 'ben', { protocols: ['other'] }))).toEqual({
        code: 'INCONSISTENT_GROUP_PROTOCOL',
        kind: 'fatal',
      })
      const benJoins = at.join(ben, 'ben', { protocols: ['old'] })
      expect(await at.heartbeatUntil(anna, alone.member)).toEqual(rebalancing)
      await at.join(anna, 'anna', {
        memberId: alone.member.memberId,
        protocols: ['new', 'old'],
      })
      expect((await benJoins).protocol).toBe('old')
    })
  })
}

function departuresContract(open: () => Promise<ContractCluster>): void {
  describe('a group', () => {
    test('forgets a member that leaves, and tells the others', async () => {
      await using at = await openGroup(open)
      const { anna, ben, annaJoined, benJoined } = await twoMembers(at)
      await Promise.all([at.sync(anna, annaJoined), at.sync(ben, benJoined)])
      await ben.leaveGroup(benJoined.member)

      expect(await at.heartbeatUntil(anna, annaJoined.member)).toEqual(rebalancing)
      expect(await refusalOf(ben.heartbeat(benJoined.member))).toEqual(unknownMember)
      expect(await refusalOf(ben.leaveGroup(benJoined.member))).toEqual(unknownMember)
      const again = await at.join(anna, 'anna', { memberId: annaJoined.member.memberId })
      expect(again.members.length).toBe(1)
    })

    test('forgets a member whose session is over', async () => {
      await using at = await openGroup(open)
      const port = await at.cluster.port('anna')
      const joined = await at.join(port, 'anna')
      await at.sync(port, joined, { [joined.member.memberId]: 'all' })
      await at.clock.sleep(SESSION_TIMEOUT_MS + 2_000)
      expect(await refusalOf(port.heartbeat(joined.member))).toEqual(unknownMember)
    })

    test('goes on without a member that does not join again in time', async () => {
      await using at = await openGroup(open)
      const [anna, ben] = [await at.cluster.port('anna'), await at.cluster.port('ben')]
      const how = { rebalanceTimeoutMs: 3_000 }
      const alone = await at.join(anna, 'anna', how)
      await at.sync(anna, alone, { [alone.member.memberId]: 'all' })
      const benJoined = await at.join(ben, 'ben', how)

      expect(benJoined.members.map(({ metadata }) => text(metadata))).toEqual(['ben by sticky'])
      expect(await refusalOf(anna.heartbeat(alone.member))).toEqual(unknownMember)
    })

    test('refuses what belongs to an earlier generation or to nobody', async () => {
      await using at = await openGroup(open)
      const { anna, alone, annaJoined } = await twoMembers(at)
      const stranger = { ...annaJoined.member, memberId: 'stranger' }
      expect([
        await refusalOf(anna.heartbeat(alone.member)),
        await refusalOf(at.sync(anna, alone)),
        await refusalOf(anna.heartbeat(stranger)),
        await refusalOf(at.join(anna, 'anna', { memberId: 'stranger' })),
      ]).toEqual([staleGeneration, staleGeneration, unknownMember, unknownMember])
    })
  })
}

function staticMembersContract(open: () => Promise<ContractCluster>): void {
  describe('a static member', () => {
    test('that comes back takes its own place, and nobody else need notice', async () => {
      await using at = await openGroup(open)
      const [anna, ben] = [await at.cluster.port('anna'), await at.cluster.port('ben')]
      const alone = await at.join(anna, 'anna', { instanceId: 'anna' })
      await at.sync(anna, alone, { [alone.member.memberId]: 'everything' })

      const back = await at.join(ben, 'anna', { instanceId: 'anna' })
      expect(back.member.memberId).not.toBe(alone.member.memberId)
      expect(back.member.generation).toBe(alone.member.generation)
      expect(await at.sync(ben, back)).toBe('everything')
      await ben.heartbeat(back.member)
    })

    test('shuts out whoever used its instance id before', async () => {
      await using at = await openGroup(open)
      const [anna, ben] = [await at.cluster.port('anna'), await at.cluster.port('ben')]
      const alone = await at.join(anna, 'anna', { instanceId: 'anna' })
      await at.sync(anna, alone, { [alone.member.memberId]: 'everything' })
      await at.join(ben, 'anna', { instanceId: 'anna' })

      const fencedInstance = { code: 'FENCED_INSTANCE_ID', kind: 'fatal' }
      expect([
        await refusalOf(anna.heartbeat(alone.member)),
        await refusalOf(at.sync(anna, alone)),
        await refusalOf(
          at.join(anna, 'anna', { instanceId: 'anna', memberId: alone.member.memberId }),
        ),
      ]).toEqual([fencedInstance, fencedInstance, fencedInstance])
    })
  })
}

function describeGroupsContract(open: () => Promise<ContractCluster>): void {
  describe('groups seen from outside', () => {
    test('a group is listed and described with its members', async () => {
      await using at = await openGroup(open)
      const { anna, ben, annaJoined, benJoined } = await twoMembers(at)
      await Promise.all([at.sync(anna, annaJoined), at.sync(ben, benJoined)])

      expect(await anna.listGroups()).toContain(at.groupId)
      const { groupId, state, members } = await anna.describeGroup(at.groupId)
      expect({ groupId, state }).toEqual({ groupId: at.groupId, state: 'Stable' })
      expect(members.map(({ memberId }) => memberId).sort()).toEqual(
        [annaJoined.member.memberId, benJoined.member.memberId].sort(),
      )
    })

    test('a group that does not exist is described as dead', async () => {
      await using at = await openGroup(open)
      const port = await at.cluster.port('admin')
      expect(await port.describeGroup(at.groupId)).toEqual({
        groupId: at.groupId,
        state: 'Dead',
        members: [],
      })
    })

    test('a group can be deleted when it has no members', async () => {
      await using at = await openGroup(open)
      const port = await at.cluster.port('anna')
      const joined = await at.join(port, 'anna')
      expect(await refusalOf(port.deleteGroup(at.groupId))).toEqual({
        code: 'NON_EMPTY_GROUP',
        kind: 'fatal',
      })
      await port.leaveGroup(joined.member)
      await port.deleteGroup(at.groupId)
      expect(await port.listGroups()).not.toContain(at.groupId)
      expect(await refusalOf(port.deleteGroup(at.groupId))).toEqual({
        code: 'GROUP_ID_NOT_FOUND',
        kind: 'fatal',
      })
    })
  })
}
