import type { TopicPartition } from '../../core/topic-partition.ts'
import type {
  CommittedOffset,
  FetchedOffset,
  GroupDescription,
  GroupMember,
  JoinRequest,
  JoinResponse,
  ProducerIdentity,
} from '../port.ts'
import { GroupOffsets } from './group-offsets.ts'
import { Group, type Assignments } from './group.ts'
import { refusal } from './refusal.ts'
import type { Timers } from './timers.ts'
import type { Marker } from './transaction-coordinator.ts'

const SESSION_TIMEOUT_MAX_MS = 1_800_000

interface GroupEntry {
  readonly group: Group
  readonly offsets: GroupOffsets
}

/** Every group of the cluster: its members and its offsets. */
export class GroupCoordinator {
  readonly #timers: Timers
  readonly #sessionTimeoutMinMs: number
  readonly #groups = new Map<string, GroupEntry>()
  /** What coordinators know that were replaced unnoticed. */
  readonly #remembered = new Map<string, GroupOffsets>()

  constructor(timers: Timers, sessionTimeoutMinMs: number) {
    this.#timers = timers
    this.#sessionTimeoutMinMs = sessionTimeoutMinMs
  }

  /** The group and its offsets as they are, for a test to look at. */
  entryOf(groupId: string): GroupEntry | undefined {
    return this.#groups.get(groupId)
  }

  join(request: JoinRequest, clientId: string): Promise<JoinResponse> {
    const { groupId, memberId, sessionTimeoutMs } = request
    if (groupId === '') throw refusal('INVALID_GROUP_ID', 'the group id is empty')
    if (sessionTimeoutMs < this.#sessionTimeoutMinMs || sessionTimeoutMs > SESSION_TIMEOUT_MAX_MS) {
      throw refusal('INVALID_SESSION_TIMEOUT', `${sessionTimeoutMs} ms is not allowed`)
    }
    if (memberId !== '') return this.#existing(groupId).group.join(request, clientId)
    return this.#entry(groupId).group.join(request, clientId)
  }

  sync(
    member: GroupMember,
    protocolType: string,
    protocol: string,
    assignments: Assignments,
  ): Promise<Uint8Array> {
    return this.#existing(member.groupId).group.sync(member, protocolType, protocol, assignments)
  }

  heartbeat(member: GroupMember): void {
    this.#existing(member.groupId).group.heartbeat(member)
  }

  leave(member: GroupMember): void {
    this.#existing(member.groupId).group.leave(member)
  }

  /** From a member of the current generation, or from outside while the group is empty. */
  commit(member: GroupMember, offsets: readonly CommittedOffset[]): void {
    const { group, offsets: stored } = this.#checkedForCommit(member)
    const isFromOutside = member.generation < 0 && member.memberId === '' && !member.instanceId
    if (isFromOutside && group.state !== 'Empty') {
      throw refusal('UNKNOWN_MEMBER_ID', 'the group has members: only they commit')
    }
    if (group.state === 'CompletingRebalance') {
      throw refusal('REBALANCE_IN_PROGRESS', 'the group is rebalancing')
    }
    const known = group.members.find(({ memberId }) => memberId === member.memberId)
    if (known !== undefined) group.keepAlive(known)
    stored.commit(offsets)
  }

  /** KIP-447: like {@link commit}, but a producer that names no member is not asked for one. */
  commitInTransaction(
    member: GroupMember,
    producer: ProducerIdentity,
    offsets: readonly CommittedOffset[],
  ): void {
    this.#checkedForCommit(member).offsets.commitInTransaction(producer, offsets)
  }

  hasOpenTransaction(groupId: string, producer: ProducerIdentity): boolean {
    return this.#groups.get(groupId)?.offsets.hasOpenTransaction(producer) ?? false
  }

  endTransaction(groupId: string, marker: Marker): void {
    this.#entry(groupId).offsets.end(marker)
  }

  fetch(
    groupId: string,
    partitions: readonly TopicPartition[],
    requireStable: boolean,
  ): readonly FetchedOffset[] {
    const offsets = this.#groups.get(groupId)?.offsets ?? new GroupOffsets()
    return partitions.map((partition) => offsets.fetch(partition, requireStable))
  }

  /** As it is now, for whoever sleeps through what follows. */
  remember(groupId: string): void {
    const { offsets } = this.#groups.get(groupId) ?? {}
    this.#remembered.set(groupId, offsets?.copy() ?? new GroupOffsets())
  }

  fetchRemembered(
    groupId: string,
    partitions: readonly TopicPartition[],
    requireStable: boolean,
  ): readonly FetchedOffset[] {
    const offsets = this.#remembered.get(groupId) ?? new GroupOffsets()
    return partitions.map((partition) => offsets.fetch(partition, requireStable))
  }

  list(): readonly string[] {
    return [...this.#groups.keys()]
  }

  describe(groupId: string): GroupDescription {
    const group = this.#groups.get(groupId)?.group
    if (group === undefined) return { groupId, state: 'Dead', members: [] }
    return {
      groupId,
      state: group.state,
      members: group.members.map(({ memberId, clientId }) => ({
        memberId,
        clientId,
        host: '/127.0.0.1',
      })),
    }
  }

  delete(groupId: string): void {
    const entry = this.#groups.get(groupId)
    if (entry === undefined) throw refusal('GROUP_ID_NOT_FOUND', `no group "${groupId}"`)
    if (entry.group.state !== 'Empty') {
      throw refusal('NON_EMPTY_GROUP', `group "${groupId}" has members`)
    }
    entry.group.stop()
    this.#groups.delete(groupId)
  }

  forgetTopic(topic: string): void {
    for (const { offsets } of this.#groups.values()) offsets.forget(topic)
  }

  /** Another coordinator took these groups over: it knows nothing of when it last heard of whom. */
  restartSessions(groupIds: readonly string[]): void {
    for (const groupId of groupIds) {
      const group = this.#groups.get(groupId)?.group
      for (const member of group?.members ?? []) group?.keepAlive(member)
    }
  }

  /** While there is no coordinator. */
  suspendSessions(): void {
    for (const { group } of this.#groups.values()) group.suspendSessions()
  }

  #checkedForCommit(member: GroupMember): GroupEntry {
    const { groupId, memberId, generation, instanceId } = member
    const entry = this.#groups.get(groupId)
    if (entry === undefined) {
      if (generation < 0) return this.#entry(groupId)
      throw refusal('ILLEGAL_GENERATION', `no group "${groupId}"`)
    }
    const isFromOutside = generation < 0 && entry.group.state === 'Empty'
    const namesMember = generation >= 0 || memberId !== '' || instanceId !== null
    if (!isFromOutside && namesMember) entry.group.check(memberId, instanceId, generation)
    return entry
  }

  #existing(groupId: string): GroupEntry {
    const entry = this.#groups.get(groupId)
    if (entry === undefined) throw refusal('UNKNOWN_MEMBER_ID', `no group "${groupId}"`)
    return entry
  }

  #entry(groupId: string): GroupEntry {
    let entry = this.#groups.get(groupId)
    if (entry === undefined) {
      entry = { group: new Group(groupId, this.#timers), offsets: new GroupOffsets() }
      this.#groups.set(groupId, entry)
    }
    return entry
  }
}
