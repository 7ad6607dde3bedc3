import type { Clock } from '../../core/clock.ts'
import { assert, messageOf } from '../../core/errors.ts'
import type { Logger } from '../../core/logger.ts'
import { KafkaError, type GroupMember, type JoinResponse, type KafkaPort } from '../port.ts'
import { answeredWithin } from './answered-within.ts'
import { Heartbeats } from './heartbeats.ts'
import { wasRefusedOrLost } from './retrying.ts'

const PROTOCOL_TYPE = 'consumer'
const REJOIN_PAUSE_INITIAL_MS = 10
const REJOIN_PAUSE_MAX_MS = 1_000
const LEAVE_TIMEOUT_MS = 3_000
/** Between heartbeats while the next rebalance is about to begin. */
const EXPECTANT_MS = 100
/** Attempts in a row after which someone may want to know. */
const FAILURES_TO_WARN = 10

/**
 * unjoined → stable ⇄ rebalancing; from stable or rebalancing → lost → (joined again) stable.
 * - `stable`: in a generation that the group agrees on.
 * - `rebalancing`: someone joins or leaves, or a join of ours is under way. Still a member:
 *   finish, commit, then join again.
 * - `lost`: our generation is gone; nothing may be committed any more.
 */
export type MembershipState = 'unjoined' | 'stable' | 'rebalancing' | 'lost'

/** Asked of the elected leader: an assignment for every member, by member id. */
export type Assign = (
  members: readonly { readonly memberId: string; readonly metadata: Uint8Array }[],
) => Promise<ReadonlyMap<string, Uint8Array>>

export interface GroupMembershipOptions {
  readonly port: KafkaPort
  readonly clock: Clock
  readonly logger: Logger
  readonly groupId: string
  /** A static member (KIP-345) when not null. */
  readonly instanceId: string | null
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  readonly heartbeatIntervalMs: number
  readonly protocolName: string
  /**
   * Whether the loop that this member works for has not come round for too long. Then it leaves, so
   * that others take over (KIP-62), and is `lost`. Default: it never is.
   */
  readonly isStuck?: () => boolean
  /** The state changed: the loop may look. */
  readonly onEvent: () => void
}

export interface LeaveOptions {
  /** For the coordinator's log. */
  readonly reason?: string
  /** A static member is not coming back. */
  readonly forGood?: boolean
}

/**
 * One member of a consumer group (the classic protocol): join, sync, heartbeats in the background.
 * What is assigned, and when to give it up, is the caller's business.
 */
export class GroupMembership {
  readonly #options: GroupMembershipOptions
  readonly #heartbeats: Heartbeats
  readonly #closing = new AbortController()
  #state: MembershipState = 'unjoined'
  #member: GroupMember | undefined
  /** Ours at the coordinator, also between generations; empty before the first join. */
  #memberId = ''
  /**
   * Whether who has our instance id may be a join that nobody waits for any more: one of ours whose
   * answer was lost, or, until we are in, one of a process before us.
   */
  #mayBeFencedByGhost = true
  #joining = false
  /** Resolves when the join that is under way has ended, either way. */
  #joinEnded: Promise<void> = Promise.resolve()
  /** Set when a leave overtook a join: its answer makes a member that nobody wants. */
  #left = false

  constructor(options: GroupMembershipOptions) {
    this.#options = options
    this.#heartbeats = new Heartbeats({
      ...options,
      // While a join is under way its own answers decide.
      onRebalance: () => {
        if (!this.#joining) this.#moveTo('rebalancing')
      },
      onLost: (cause) => {
        if (!this.#joining) this.#lose(cause)
      },
      isStuck: () => !this.#joining && options.isStuck?.() === true,
      onStuck: () => this.#leaveStuck(),
    })
  }

  /**
   * Undefined while not in a generation, that is also between the answers of JoinGroup and
   * SyncGroup.
   */
  get member(): GroupMember | undefined {
    return this.#member
  }

  get state(): MembershipState {
    return this.#state
  }

  /**
   * Joins, or joins again, and resolves to our assignment. Goes on through coordinator moves and
   * rebalances that begin meanwhile. A member the group has forgotten joins as a new one: its
   * member id is another then, others may have owned its partitions in between, and nothing done
   * before may be committed under the new id. Rejects when the group refuses us for good (fenced
   * instance, no permission), when `assign` rejects, and when closed. `reason`: for the
   * coordinator's log.
   */
  async join(metadata: Uint8Array, assign: Assign, reason?: string): Promise<Uint8Array> {
    assert(!this.#joining, 'one join at a time')
    if (this.#closing.signal.aborted) throw closedError()
    this.#joining = true
    const ended = Promise.withResolvers<void>()
    this.#joinEnded = ended.promise
    this.#left = false
    if (this.#state === 'stable') this.#moveTo('rebalancing')
    let pauseMs = REJOIN_PAUSE_INITIAL_MS
    let lostJoin = false
    try {
      for (let failures = 1; ; failures += 1) {
        try {
          const assignment = await this.#unlessClosed(this.#joinAndSync(metadata, assign, reason))
          this.#moveTo('stable')
          // One that was lost can still come.
          this.#mayBeFencedByGhost = lostJoin
          return assignment
        } catch (error) {
          if (this.#memberId === '' && wasLost(error)) lostJoin = true
          this.#reactToFailedJoin(error, failures)
        }
        await this.#options.clock.sleep(pauseMs, this.#closing.signal)
        pauseMs = Math.min(pauseMs * 2, REJOIN_PAUSE_MAX_MS)
      }
    } finally {
      this.#joining = false
      ended.resolve()
    }
  }

  /**
   * Another member is about to join again, and everyone will wait until the last one has heard of
   * it: until then heartbeats come quickly.
   */
  expectRebalance(): void {
    this.#heartbeats.hasten(EXPECTANT_MS)
  }

  /**
   * The same member in a later generation, waiting at most so long for a join that is under way.
   * Undefined where there is none: nothing done as the earlier one may be committed then.
   */
  async successorOf(earlier: GroupMember, withinMs: number): Promise<GroupMember | undefined> {
    const over = new AbortController()
    await Promise.race([this.#joinEnded, this.#options.clock.sleep(withinMs, over.signal)])
    over.abort()
    const member = this.#member
    if (member === undefined || member.memberId !== earlier.memberId) return undefined
    return member.generation > earlier.generation ? member : undefined
  }

  async #joinAndSync(
    metadata: Uint8Array,
    assign: Assign,
    reason: string | undefined,
  ): Promise<Uint8Array> {
    const { port, groupId, instanceId, protocolName } = this.#options
    // The coordinator keeps a member alive while its JoinGroup waits; a heartbeat of the old
    // generation could only be refused when the new one begins.
    this.#heartbeats.stop()
    const joined = await port.joinGroup({
      groupId,
      memberId: this.#memberId,
      instanceId,
      sessionTimeoutMs: this.#options.sessionTimeoutMs,
      rebalanceTimeoutMs: this.#options.rebalanceTimeoutMs,
      protocolType: PROTOCOL_TYPE,
      protocols: [{ name: protocolName, metadata }],
      ...(reason === undefined ? {} : { reason }),
    })
    const { member } = joined
    if (this.#closing.signal.aborted) {
      if (this.#left) await this.#sayGoodbye(member, 'the member stopped while it joined')
      throw closedError()
    }
    this.#memberId = member.memberId
    this.#member = undefined
    // An assignment may take longer than a session, so heartbeats begin before the sync.
    this.#heartbeats.start(member)
    const assignment = await port.syncGroup(
      member,
      PROTOCOL_TYPE,
      joined.protocol,
      await this.#assignmentsOf(joined, assign),
    )
    if (this.#closing.signal.aborted) throw closedError()
    this.#heartbeats.start(member)
    this.#member = member
    return assignment
  }

  async #assignmentsOf(joined: JoinResponse, assign: Assign) {
    if (joined.leaderId !== joined.member.memberId) return []
    const assignments = await assign(joined.members)
    return [...assignments].map(([memberId, assignment]) => ({ memberId, assignment }))
  }

  #isFencedByGhost(error: unknown): boolean {
    const isFenced = error instanceof KafkaError && error.code === 'FENCED_INSTANCE_ID'
    return isFenced && this.#mayBeFencedByGhost
  }

  /** Throws what no further attempt can cure. */
  #reactToFailedJoin(error: unknown, failures: number): void {
    const { logger, groupId } = this.#options
    if (this.#closing.signal.aborted) throw closedError()
    if (this.#isFencedByGhost(error)) {
      logger.warn({ groupId }, 'an earlier join has taken the instance id: taking it back, once')
      this.#mayBeFencedByGhost = false
      this.#lose(error)
      this.#memberId = ''
      return
    }
    if (!(error instanceof KafkaError) || !isCurable(error)) {
      this.#heartbeats.stop()
      this.#lose(error)
      throw error
    }
    const level = failures === FAILURES_TO_WARN ? 'warn' : 'debug'
    logger[level]({ groupId, code: error.code, failures }, 'joining the group again')
    if (error.code === 'UNKNOWN_MEMBER_ID') this.#lose(error)
  }

  /**
   * Tells the group, so that it need not wait for the session to end: best effort, within seconds.
   * A static member does so only `forGood`: else it is expected back within its session (KIP-345).
   */
  async leave({ reason, forGood = false }: LeaveOptions = {}): Promise<void> {
    this.#left = this.#options.instanceId === null || forGood
    const memberId = this.#memberId
    const generation = this.#member?.generation ?? -1
    await this.close()
    if (memberId === '') return
    const { groupId, instanceId, logger, sessionTimeoutMs } = this.#options
    if (!this.#left) {
      logger.info({ instanceId, sessionTimeoutMs }, 'a static member goes, and may come back')
      return
    }
    logger.info({ reason }, 'leaving the group')
    await this.#sayGoodbye({ groupId, memberId, generation, instanceId }, reason)
  }

  /** A static member's session is left to end, as Kafka's own clients do. */
  #leaveStuck(): void {
    const member = this.#member
    this.#heartbeats.stop()
    this.#lose(stuckError())
    if (member === undefined || this.#options.instanceId !== null) return
    this.#memberId = ''
    void this.#sayGoodbye(member, stuckError().message)
  }

  /** Stops without leaving: the group waits for our session to end. */
  close(): Promise<void> {
    this.#heartbeats.stop()
    this.#closing.abort()
    this.#member = undefined
    this.#state = 'unjoined'
    return Promise.resolve()
  }

  async #sayGoodbye(member: GroupMember, reason: string | undefined): Promise<void> {
    const { port, clock, logger, groupId } = this.#options
    const leaving = port.leaveGroup(member, reason)
    await answeredWithin(clock, LEAVE_TIMEOUT_MS, leaving).catch((error: unknown) =>
      logger.debug({ groupId, error }, 'the group did not hear us leave'),
    )
  }

  /** A request cannot be taken back, but waiting for it can end. */
  async #unlessClosed<T>(work: Promise<T>): Promise<T> {
    const { signal } = this.#closing
    const closed = Promise.withResolvers<never>()
    const onAbort = (): void => closed.reject(closedError())
    signal.addEventListener('abort', onAbort)
    try {
      return await Promise.race([work, closed.promise])
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  #lose(cause: unknown): void {
    this.#member = undefined
    if (cause instanceof KafkaError && cause.code === 'UNKNOWN_MEMBER_ID') this.#memberId = ''
    if (this.#state !== 'stable' && this.#state !== 'rebalancing') return
    this.#options.logger.warn(
      { groupId: this.#options.groupId, cause: messageOf(cause) },
      'our generation of the group is gone',
    )
    this.#moveTo('lost')
  }

  #moveTo(state: MembershipState): void {
    if (this.#state === state || this.#closing.signal.aborted) return
    this.#state = state
    this.#options.onEvent()
  }
}

const wasLost = (error: unknown): boolean => error instanceof KafkaError && error.kind === 'network'

const isCurable = (error: KafkaError): boolean => error.kind === 'rejoin' || wasRefusedOrLost(error)

const stuckError = (): KafkaError =>
  new KafkaError('LOOP_STUCK', 'rejoin', 'the loop of the thread has not come round for too long')

const closedError = (): KafkaError =>
  new KafkaError('MEMBER_CLOSED', 'fatal', 'this group member was closed')
