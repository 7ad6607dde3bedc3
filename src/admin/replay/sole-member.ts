import type { Clock } from '../../core/clock.ts'
import { StreamsError } from '../../core/errors.ts'
import { silentLogger } from '../../core/logger.ts'
import { answeredWithin } from '../../kafka/client/answered-within.ts'
import { GroupMembership } from '../../kafka/client/group-membership.ts'
import { retrying } from '../../kafka/client/retrying.ts'
import { KafkaError, type CommittedOffset, type KafkaPort } from '../../kafka/port.ts'
import { patience } from './plan-replay.ts'

const SESSION_TIMEOUT_MS = 10_000
const HEARTBEAT_INTERVAL_MS = 2_500
const JOIN_WITHIN_MS = 60_000

const nothing = new Uint8Array()

/**
 * A member of a group that shuts all others out: it speaks a protocol of its own, so that Kafka
 * takes it into an empty group only, and nobody beside it.
 */
export class SoleMember {
  readonly #port: KafkaPort
  readonly #clock: Clock
  readonly #groupId: string
  readonly #membership: GroupMembership
  #hasCommitted = false

  constructor(
    deps: { readonly port: KafkaPort; readonly clock: Clock },
    groupId: string,
    name: string,
  ) {
    this.#port = deps.port
    this.#clock = deps.clock
    this.#groupId = groupId
    this.#membership = new GroupMembership({
      ...deps,
      groupId,
      logger: silentLogger,
      instanceId: null,
      sessionTimeoutMs: SESSION_TIMEOUT_MS,
      rebalanceTimeoutMs: SESSION_TIMEOUT_MS,
      heartbeatIntervalMs: HEARTBEAT_INTERVAL_MS,
      protocolName: name,
      onEvent: () => {},
    })
  }

  /** Rejects with `GROUP_ACTIVE` where somebody is in the group. */
  async enter(): Promise<void> {
    try {
      await this.#join()
    } catch (error) {
      if (!isShutOut(error)) throw error
      await refuseWhileActive(this.#port, this.#clock, this.#groupId)
      throw error
    }
  }

  /**
   * Each time as a generation of its own, for a request whose answer was lost may come late: then
   * its generation is gone, and it cannot undo what came after it.
   */
  async commit(offsets: readonly CommittedOffset[]): Promise<void> {
    if (this.#hasCommitted) await this.#join()
    this.#hasCommitted = true
    const { member } = this.#membership
    if (member === undefined) throw thrownOut(this.#groupId)
    await retrying(this.#clock, patience, () => this.#port.offsetCommit(member, offsets))
  }

  /** Told until it is heard, for as long as the session would keep the others out. */
  async leave(): Promise<void> {
    const { member } = this.#membership
    if (member === undefined) return await this.#membership.leave()
    await this.#membership.close()
    const policy = { ...patience, timeoutMs: SESSION_TIMEOUT_MS }
    try {
      await retrying(this.#clock, policy, () => this.#port.leaveGroup(member))
    } catch {
      // Heard the first time, or no more to be helped.
    }
  }

  async #join(): Promise<void> {
    const join = this.#membership.join(nothing, (members) =>
      Promise.resolve(new Map(members.map(({ memberId }) => [memberId, nothing]))),
    )
    await answeredWithin(this.#clock, JOIN_WITHIN_MS, join)
  }
}

/** Rejects with `GROUP_ACTIVE`, which says who is in the group. */
export async function refuseWhileActive(
  port: KafkaPort,
  clock: Clock,
  groupId: string,
): Promise<void> {
  const { members } = await retrying(clock, patience, () => port.describeGroup(groupId))
  if (members.length === 0) return
  const who = members.map(({ clientId, host }) => `${clientId} at ${host.replace(/^\//, '')}`)
  throw new StreamsError('GROUP_ACTIVE', {
    message: `group "${groupId}" has ${members.length === 1 ? 'a member' : `${members.length} members`}: ${who.join(', ')}`,
    hint: 'Stop every instance first. One that was killed is a member until its session times out.',
  })
}

const isShutOut = (error: unknown): boolean =>
  error instanceof KafkaError && error.code === 'INCONSISTENT_GROUP_PROTOCOL'

const thrownOut = (groupId: string): KafkaError =>
  new KafkaError('UNKNOWN_MEMBER_ID', 'rejoin', `group "${groupId}" has forgotten us`)
