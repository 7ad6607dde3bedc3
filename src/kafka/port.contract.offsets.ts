import { describe, expect, test } from 'vitest'
import { bytes, refusalOf, retried, uniqueName, type ContractCluster } from './port.contract.kit.ts'
import { outsider, TestProducer } from './port.contract.producers.ts'
import type { CommittedOffset, GroupMember } from './port.ts'

/** A group and a topic; `members` makes one member join the group. */
async function openOffsets(open: () => Promise<ContractCluster>) {
  const cluster = await open()
  const { clock } = cluster
  const topic = uniqueName('inputs')
  await cluster.createTopic(topic, 2)
  const port = await cluster.port('client')
  const groupId = uniqueName('group')
  const offset = (partition: number, value: number, metadata = ''): CommittedOffset => ({
    topic,
    partition,
    offset: value,
    metadata,
  })
  const fetched = async (requireStable: boolean): Promise<(number | null)[]> => {
    const partitions = [0, 1].map((partition) => ({ topic, partition }))
    const offsets = await port.offsetFetch(groupId, partitions, requireStable)
    return offsets
      .toSorted((left, right) => left.partition - right.partition)
      .map((each) => each.offset)
  }
  const join = async (): Promise<GroupMember> => {
    const joined = await retried(clock, () =>
      port.joinGroup({
        groupId,
        memberId: '',
        instanceId: null,
        sessionTimeoutMs: 10_000,
        rebalanceTimeoutMs: 10_000,
        protocolType: 'consumer',
        protocols: [{ name: 'sticky', metadata: bytes('m') }],
      }),
    )
    await port.syncGroup(joined.member, 'consumer', joined.protocol, [
      { memberId: joined.member.memberId, assignment: bytes('all') },
    ])
    return joined.member
  }
  /** When the group has none yet its coordinator may still be on its way. */
  const commit = (member: GroupMember, ...offsets: CommittedOffset[]) =>
    retried(clock, () => port.offsetCommit(member, offsets))
  return {
    cluster,
    clock,
    port,
    topic,
    groupId,
    offset,
    fetched,
    join,
    commit,
    [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose](),
  }
}

const unstable = { code: 'UNSTABLE_OFFSET_COMMIT', kind: 'retriable' }
const unknownMember = { code: 'UNKNOWN_MEMBER_ID', kind: 'rejoin' }
const staleGeneration = { code: 'ILLEGAL_GENERATION', kind: 'rejoin' }

export function offsetsContract(open: () => Promise<ContractCluster>): void {
  describe('committed offsets', () => {
    test('come back with their metadata; where there is none the offset is null', async () => {
      await using at = await openOffsets(open)
      await at.commit(outsider(at.groupId), at.offset(1, 42, 'stream time 7'))
      const offsets = await at.port.offsetFetch(
        at.groupId,
        [
          { topic: at.topic, partition: 0 },
          { topic: at.topic, partition: 1 },
        ],
        true,
      )
      expect(offsets.toSorted((left, right) => left.partition - right.partition)).toEqual([
        { topic: at.topic, partition: 0, offset: null, metadata: '' },
        { topic: at.topic, partition: 1, offset: 42, metadata: 'stream time 7' },
      ])
    })

    test('of a group that never was are null', async () => {
      await using at = await openOffsets(open)
      expect(await retried(at.clock, () => at.fetched(true))).toEqual([null, null])
    })

    test('are taken from a member of the current generation only', async () => {
      await using at = await openOffsets(open)
      const member = await at.join()
      await at.commit(member, at.offset(0, 5))
      const later = { ...member, generation: member.generation - 1 }
      const stranger = { ...member, memberId: 'stranger' }
      expect([
        await refusalOf(at.port.offsetCommit(later, [at.offset(0, 6)])),
        await refusalOf(at.port.offsetCommit(stranger, [at.offset(0, 7)])),
      ]).toEqual([staleGeneration, unknownMember])
      expect(await at.fetched(true)).toEqual([5, null])
    })

    test('are taken from outside only while the group has no members', async () => {
      await using at = await openOffsets(open)
      await at.commit(outsider(at.groupId), at.offset(0, 3))
      const member = await at.join()
      expect(
        await refusalOf(at.port.offsetCommit(outsider(at.groupId), [at.offset(0, 9)])),
      ).toEqual(unknownMember)
      await at.port.leaveGroup(member)
      await at.commit(outsider(at.groupId), at.offset(0, 4))
      expect(await at.fetched(true)).toEqual([4, null])
    })

    test('with too much metadata are refused', async () => {
      await using at = await openOffsets(open)
      const large = at.offset(0, 1, 'x'.repeat(10_000))
      expect(await refusalOf(at.commit(outsider(at.groupId), large))).toEqual({
        code: 'OFFSET_METADATA_TOO_LARGE',
        kind: 'fatal',
      })
    })
  })

  transactionalOffsetsContract(open)
}

function transactionalOffsetsContract(open: () => Promise<ContractCluster>): void {
  describe('offsets committed in a transaction', () => {
    test('are unstable until it ends, and count from then on', async () => {
      await using at = await openOffsets(open)
      const member = await at.join()
      await at.commit(member, at.offset(0, 5))
      const producer = await TestProducer.open(at, uniqueName('app'))
      await producer.sendOffsets(member, [at.offset(0, 9)])

      expect(await refusalOf(at.fetched(true))).toEqual(unstable)
      expect(await at.fetched(false)).toEqual([5, null])
      await producer.commit()
      expect(await retried(at.clock, () => at.fetched(true))).toEqual([9, null])
    })

    test('are forgotten when it is aborted', async () => {
      await using at = await openOffsets(open)
      const member = await at.join()
      await at.commit(member, at.offset(0, 5))
      const producer = await TestProducer.open(at, uniqueName('app'))
      await producer.sendOffsets(member, [at.offset(0, 9), at.offset(1, 9)])
      await producer.abort()
      expect(await retried(at.clock, () => at.fetched(true))).toEqual([5, null])
    })

    test('are refused from a stale generation and from an unknown member', async () => {
      await using at = await openOffsets(open)
      const member = await at.join()
      const producer = await TestProducer.open(at, uniqueName('zombie'))
      const send = (as: Partial<GroupMember>) =>
        producer.sendOffsets({ ...member, ...as }, [at.offset(0, 77)])
      expect([
        await refusalOf(send({ generation: member.generation - 1 })),
        await refusalOf(send({ memberId: 'ghost' })),
      ]).toEqual([staleGeneration, unknownMember])
      await producer.abort()
      expect(await retried(at.clock, () => at.fetched(true))).toEqual([null, null])
    })

    test('are refused from a member that was replaced while it slept', async () => {
      await using at = await openOffsets(open)
      const zombie = await at.join()
      const producer = await TestProducer.open(at, uniqueName('zombie'))
      await at.clock.sleep(12_000)
      const owner = await at.join()
      await at.commit(owner, at.offset(0, 20))

      expect(await refusalOf(producer.sendOffsets(zombie, [at.offset(0, 10)]))).toEqual(
        unknownMember,
      )
      expect(await retried(at.clock, () => at.fetched(true))).toEqual([20, null])
    })
  })
}
