import type { GroupMember, JoinRequest, JoinResponse } from '../port.ts'
import {
  chooseProtocol,
  isSpokenByAll,
  newMember,
  noAssignment,
  offersTheSame,
  update,
  type Member,
} from './group-member.ts'
import { answerLost, refusal } from './refusal.ts'
import type { Timers } from './timers.ts'

/** How long a first JoinGroup may wait for its group. */
const FIRST_JOIN_TIMEOUT_MS = 300_000

export type GroupStateName = 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable'

export type Assignments = readonly { readonly memberId: string; readonly assignment: Uint8Array }[]

/**
 * One group of the classic protocol at its coordinator (GroupMetadataManager.java of 4.x):
 * Empty → PreparingRebalance → CompletingRebalance → Stable; any change of members or of what they
 * offer leads back to PreparingRebalance.
 */
export class Group {
  readonly groupId: string
  readonly #timers: Timers
  readonly #members = new Map<string, Member>()
  readonly #notSynced = new Set<string>()
  #state: GroupStateName = 'Empty'
  #generation = 0
  #protocolType = ''
  #protocol = ''
  #leaderId = ''
  #membersEver = 0

  constructor(groupId: string, timers: Timers) {
    this.groupId = groupId
    this.#timers = timers
  }

  get state(): GroupStateName {
    return this.#state
  }

  get generation(): number {
    return this.#generation
  }

  get protocol(): string {
    return this.#protocol
  }

  get leaderId(): string {
    return this.#leaderId
  }

  get members(): readonly Member[] {
    return [...this.#members.values()]
  }

  join(request: JoinRequest, clientId: string): Promise<JoinResponse> {
    this.#checkProtocols(request)
    if (request.memberId === '') return this.#joinAsStranger(request, clientId)
    const member = this.#memberOf(request)
    const isOfNoConsequence =
      offersTheSame(member, request.protocols) &&
      (this.#state === 'CompletingRebalance' ||
        (this.#state === 'Stable' && member.memberId !== this.#leaderId))
    if (isOfNoConsequence) return Promise.resolve(this.#joinedAs(member))
    update(member, request)
    return this.#wait(member, () => this.#rebalance())
  }

  sync(
    { memberId, generation, instanceId }: GroupMember,
    protocolType: string,
    protocol: string,
    assignments: Assignments,
  ): Promise<Uint8Array> {
    const member = this.check(memberId, instanceId, generation)
    if (protocolType !== this.#protocolType || protocol !== this.#protocol) {
      throw refusal('INCONSISTENT_GROUP_PROTOCOL', `the group speaks "${this.#protocol}"`)
    }
    if (this.#state === 'PreparingRebalance') throw rebalancing()
    this.#notSynced.delete(memberId)
    if (this.#state === 'Stable') return Promise.resolve(member.assignment)
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>()
    member.syncing?.reject(superseded())
    member.syncing = { resolve, reject }
    if (memberId === this.#leaderId) this.#assign(assignments)
    return promise
  }

  heartbeat({ memberId, instanceId, generation }: GroupMember): void {
    const member = this.check(memberId, instanceId, generation)
    this.keepAlive(member)
    if (this.#state === 'PreparingRebalance') throw rebalancing()
  }

  leave({ memberId, instanceId }: GroupMember): void {
    const byInstance = memberId === '' && instanceId !== null
    const member = byInstance
      ? this.members.find((each) => each.instanceId === instanceId)
      : this.#memberOf({ memberId, instanceId })
    if (member === undefined) throw unknownMember(memberId)
    this.#remove(member)
  }

  /** Throws unless this is a member of the current generation. */
  check(memberId: string, instanceId: string | null, generation: number): Member {
    const member = this.#memberOf({ memberId, instanceId })
    if (generation !== this.#generation) {
      throw refusal(
        'ILLEGAL_GENERATION',
        `generation ${generation} where ${this.#generation} is current`,
      )
    }
    return member
  }

  keepAlive(member: Member): void {
    const ms = member.isNew ? FIRST_JOIN_TIMEOUT_MS : member.sessionTimeoutMs
    this.#timers.schedule(this.#sessionOf(member), ms, () => {
      const isWaiting = member.joining !== null || member.syncing !== null
      if (this.#members.get(member.memberId) !== member) return
      if (member.isNew || !isWaiting) this.#remove(member)
    })
  }

  suspendSessions(): void {
    for (const member of this.#members.values()) this.#timers.cancel(this.#sessionOf(member))
  }

  stop(): void {
    this.#timers.cancel(this.#joinTimer)
    this.#timers.cancel(this.#syncTimer)
    this.suspendSessions()
  }

  #joinAsStranger(request: JoinRequest, clientId: string): Promise<JoinResponse> {
    this.#membersEver += 1
    const memberId = `${request.instanceId ?? clientId}-${this.groupId}-${this.#membersEver}`
    const member = newMember(memberId, clientId, request)
    const former =
      request.instanceId === null
        ? undefined
        : this.members.find(({ instanceId }) => instanceId === request.instanceId)
    if (former !== undefined) return this.#replace(former, member)
    if (this.#members.size === 0) {
      this.#leaderId = memberId
      this.#protocolType = request.protocolType
    }
    this.#members.set(memberId, member)
    this.keepAlive(member)
    return this.#wait(member, () => this.#rebalance())
  }

  /** A static member came back under a new id: in a stable group nobody else need notice. */
  #replace(former: Member, member: Member): Promise<JoinResponse> {
    const leaderBefore = this.#leaderId
    this.#timers.cancel(this.#sessionOf(former))
    this.#members.delete(former.memberId)
    this.#members.set(member.memberId, member)
    this.#notSynced.delete(former.memberId)
    if (this.#leaderId === former.memberId) this.#leaderId = member.memberId
    former.joining?.reject(fencedInstance())
    former.syncing?.reject(fencedInstance())
    member.assignment = former.assignment
    if (this.#state === 'Stable' && chooseProtocol(this.members) === this.#protocol) {
      member.isNew = false
      this.keepAlive(member)
      // Named as leader before, it would be asked for assignments that nobody waits for.
      return Promise.resolve({ ...this.#joinedAs(member), leaderId: leaderBefore, members: [] })
    }
    this.keepAlive(member)
    return this.#wait(member, () => this.#rebalance())
  }

  #wait(member: Member, then: () => void): Promise<JoinResponse> {
    const { promise, resolve, reject } = Promise.withResolvers<JoinResponse>()
    member.joining?.reject(superseded())
    member.joining = { resolve, reject }
    then()
    return promise
  }

  #rebalance(): void {
    if (this.#state === 'CompletingRebalance') {
      for (const member of this.#members.values()) {
        member.assignment = noAssignment
        member.syncing?.reject(rebalancing())
        member.syncing = null
        this.keepAlive(member)
      }
    }
    this.#timers.cancel(this.#syncTimer)
    this.#notSynced.clear()
    const isUnderWay = this.#state === 'PreparingRebalance'
    this.#state = 'PreparingRebalance'
    if (this.members.every(({ joining }) => joining !== null)) this.#beginGeneration()
    else if (!isUnderWay) this.#waitForTheOthers()
  }

  #waitForTheOthers(): void {
    this.#timers.schedule(this.#joinTimer, this.#rebalanceTimeoutMs(), () => {
      for (const member of this.members) {
        if (member.joining === null && member.instanceId === null) this.#drop(member)
      }
      const hasJoined = this.members.some(({ joining }) => joining !== null)
      if (this.#members.size > 0 && !hasJoined) this.#waitForTheOthers()
      else this.#beginGeneration()
    })
  }

  #beginGeneration(): void {
    this.#timers.cancel(this.#joinTimer)
    this.#generation += 1
    if (this.#members.size === 0) {
      this.#state = 'Empty'
      this.#protocol = ''
      this.#leaderId = ''
      return
    }
    this.#state = 'CompletingRebalance'
    this.#protocol = chooseProtocol(this.members) ?? ''
    const joined = this.members.filter(({ joining }) => joining !== null)
    if (!joined.some(({ memberId }) => memberId === this.#leaderId)) {
      this.#leaderId = joined[0]?.memberId ?? ''
    }
    for (const member of this.#members.values()) {
      member.joining?.resolve(this.#joinedAs(member))
      member.joining = null
      member.isNew = false
      this.keepAlive(member)
      this.#notSynced.add(member.memberId)
    }
    this.#timers.schedule(this.#syncTimer, this.#rebalanceTimeoutMs(), () => {
      if (this.#notSynced.size === 0) return
      for (const memberId of this.#notSynced) {
        const member = this.#members.get(memberId)
        if (member !== undefined) this.#drop(member)
      }
      this.#rebalance()
    })
  }

  #assign(assignments: Assignments): void {
    for (const member of this.#members.values()) {
      const own = assignments.find(({ memberId }) => memberId === member.memberId)
      member.assignment = own === undefined ? noAssignment : new Uint8Array(own.assignment)
      if (member.syncing === null) continue
      member.syncing.resolve(member.assignment)
      member.syncing = null
      this.keepAlive(member)
    }
    this.#state = 'Stable'
  }

  #remove(member: Member): void {
    this.#drop(member)
    if (this.#state === 'PreparingRebalance') {
      if (this.members.every(({ joining }) => joining !== null)) this.#beginGeneration()
    } else if (this.#state !== 'Empty') {
      this.#rebalance()
    }
  }

  #drop(member: Member): void {
    this.#timers.cancel(this.#sessionOf(member))
    member.joining?.reject(unknownMember(member.memberId))
    member.syncing?.reject(unknownMember(member.memberId))
    this.#members.delete(member.memberId)
    this.#notSynced.delete(member.memberId)
    if (this.#leaderId === member.memberId) this.#leaderId = this.members[0]?.memberId ?? ''
  }

  #joinedAs(member: Member): JoinResponse {
    const metadataOf = ({ protocols }: Member): Uint8Array =>
      protocols.find(({ name }) => name === this.#protocol)?.metadata ?? noAssignment
    return {
      member: {
        groupId: this.groupId,
        memberId: member.memberId,
        generation: this.#generation,
        instanceId: member.instanceId,
      },
      leaderId: this.#leaderId,
      protocol: this.#protocol,
      members:
        member.memberId === this.#leaderId
          ? this.members.map((each) => ({ memberId: each.memberId, metadata: metadataOf(each) }))
          : [],
    }
  }

  #memberOf({ memberId, instanceId }: Pick<GroupMember, 'memberId' | 'instanceId'>): Member {
    if (instanceId !== null) {
      const owner = this.members.find((each) => each.instanceId === instanceId)
      if (owner !== undefined && owner.memberId !== memberId) throw fencedInstance()
    }
    const member = this.#members.get(memberId)
    if (member === undefined) throw unknownMember(memberId)
    return member
  }

  #checkProtocols({ protocolType, protocols }: JoinRequest): void {
    const isSpoken =
      this.#members.size === 0
        ? protocolType !== '' && protocols.length > 0
        : protocolType === this.#protocolType &&
          protocols.some(({ name }) => isSpokenByAll(this.members, name))
    if (!isSpoken) {
      throw refusal('INCONSISTENT_GROUP_PROTOCOL', 'no protocol that all members speak')
    }
  }

  #rebalanceTimeoutMs(): number {
    return Math.max(0, ...this.members.map((member) => member.rebalanceTimeoutMs))
  }

  get #joinTimer(): string {
    return `join ${this.groupId}`
  }

  get #syncTimer(): string {
    return `sync ${this.groupId}`
  }

  #sessionOf({ memberId }: Member): string {
    return `session ${this.groupId} ${memberId}`
  }
}

const rebalancing = () => refusal('REBALANCE_IN_PROGRESS', 'the group is rebalancing')

const unknownMember = (memberId: string) =>
  refusal('UNKNOWN_MEMBER_ID', `"${memberId}" is not a member of the group`)

const fencedInstance = () =>
  refusal('FENCED_INSTANCE_ID', 'another member joined under the same group instance id')

const superseded = () => answerLost('the same member sent a newer request')
