import type { Clock } from '../../core/clock.ts'
import { StreamsError } from '../../core/errors.ts'
import type { Logger } from '../../core/logger.ts'
import { topicPartitionKey, type TopicPartition } from '../../core/topic-partition.ts'
import type { GroupMembership } from '../../kafka/client/group-membership.ts'
import type { GroupMember, KafkaPort } from '../../kafka/port.ts'
import type { Topology } from '../../topology/topology.ts'
import { leaderAssignment } from '../assignment/leader.ts'
import {
  parseAssignment,
  subscriptionMetadata,
  type AssignedTask,
  type ParsedAssignment,
} from '../assignment/subscription.ts'
import type { LocalStorage } from './local-storage.ts'
import type { TaskRegistry } from './task-registry.ts'

export interface RebalancerOptions {
  readonly port: KafkaPort
  readonly clock: Clock
  readonly logger: Logger
  readonly topology: Topology
  readonly applicationId: string
  readonly processId: string
  readonly threadIndex: number
  readonly replicationFactor: number
  readonly membership: GroupMembership
  readonly tasks: TaskRegistry
  readonly storage: LocalStorage
  /** Commits and checkpoints everything; before tasks are given up. */
  readonly commitAll: () => Promise<void>
  /** Abandons all that is not committed. */
  readonly abandon: () => Promise<void>
  /** Committed offsets can be read, and are not those of a coordinator that was replaced. */
  readonly proveCoordinator: (partition: TopicPartition, member: GroupMember) => Promise<void>
  /** Something to do for `step`. */
  readonly onEvent: () => void
}

/**
 * Cooperative rebalancing (KIP-429): tasks run on while the group agrees. A task that moves is
 * given up (committed, closed) after one generation and taken by its new owner in the next.
 *
 * Between JoinGroup and the answer to SyncGroup nothing is committed: the generation changes under
 * it. So a commit comes before each join and, for what was processed meanwhile, after it.
 */
export class Rebalancer {
  readonly #options: RebalancerOptions
  #joining = false
  #joined: ParsedAssignment | undefined
  #failure: unknown
  #rejoin = false
  #reopening = false
  #memberId = ''
  /** What the group last gave us. */
  #assigned: readonly AssignedTask[] = []

  constructor(options: RebalancerOptions) {
    this.#options = options
  }

  /** While true nothing may be committed. */
  get isJoining(): boolean {
    return this.#joining || this.#joined !== undefined
  }

  /** One look at the membership, from the loop. */
  async step(): Promise<void> {
    if (this.#failure !== undefined) {
      const failure = this.#failure
      this.#failure = undefined
      throw failure
    }
    if (this.#reopening) await this.#reopenAssigned()
    if (this.#joined !== undefined) await this.#apply(this.#joined)
    if (this.#joining) return
    const { membership, abandon, commitAll } = this.#options
    switch (membership.state) {
      case 'stable':
        if (!this.#rejoin) return
        await commitAll()
        break
      case 'unjoined':
        break
      case 'rebalancing':
        await commitAll()
        break
      case 'lost':
        await abandon()
        break
    }
    this.#startJoin()
  }

  #startJoin(): void {
    const { membership, tasks, topology, applicationId, processId, threadIndex, storage } =
      this.#options
    this.#rejoin = false
    this.#joining = true
    this.#memberId = membership.member?.memberId ?? ''
    const metadata = subscriptionMetadata({
      topology,
      applicationId,
      processId,
      threadIndex,
      owned: tasks.ids,
      stored: new Map(storage.tasks().map((task) => [task, 0])),
    })
    membership
      .join(metadata, (members) => leaderAssignment(this.#options, members))
      .then((bytes) => {
        this.#joined = parseAssignment(bytes)
      })
      .catch((error: unknown) => {
        this.#failure = error
      })
      .finally(() => {
        this.#joining = false
        this.#options.onEvent()
      })
  }

  async #apply(assignment: ParsedAssignment): Promise<void> {
    const { tasks, membership, logger, abandon, commitAll } = this.#options
    const { active, rejoinAfterRevoke, error } = assignment
    const planned = new Map(assignment.tasks.map((task) => [task.id, task]))
    if (error !== undefined) throw new StreamsError(error.code, error)
    if (this.#memberId !== '' && membership.member?.memberId !== this.#memberId) {
      // We were thrown out and came back as somebody else: our tasks may have run elsewhere
      // meanwhile.
      await abandon()
    }
    this.#joined = undefined
    this.#assigned = assignment.tasks
    // Noted before the commit, which may fail: the tasks are given up in any case.
    this.#rejoin = rejoinAfterRevoke
    // Also those whose input is another one now: a topic was created that a pattern matches.
    const revoked = tasks.ids.filter((id) => !isSame(tasks.planOf(id), planned.get(id)))
    logger.info({ active, revoked, generation: membership.member?.generation }, 'assigned')
    if (revoked.length > 0) {
      await commitAll()
      await tasks.close(revoked)
    }
    this.#openAssigned()
  }

  /** Work was abandoned: the next step opens again what the group gave us. */
  reopen(): void {
    this.#reopening = true
  }

  async #reopenAssigned(): Promise<void> {
    const { member } = this.#options.membership
    // While joining, or out of the group, what we were given is no longer ours to open.
    if (member !== undefined && !this.isJoining) {
      const input = this.#assigned[0]?.sources[0]
      if (input !== undefined) await this.#options.proveCoordinator(input, member)
      this.#openAssigned()
    }
    this.#reopening = false
  }

  /** What the group gave us and is not open. */
  #openAssigned(): void {
    const { tasks } = this.#options
    for (const task of this.#assigned) if (!tasks.ids.includes(task.id)) tasks.open(task)
  }
}

function isSame(held: AssignedTask | undefined, planned: AssignedTask | undefined): boolean {
  if (held === undefined || planned === undefined) return false
  const inputs = ({ sources }: AssignedTask): string =>
    sources
      .map(({ topic, partition }) => topicPartitionKey(topic, partition))
      .sort()
      .join()
  return held.partitions === planned.partitions && inputs(held) === inputs(planned)
}
