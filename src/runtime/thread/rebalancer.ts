import type { Clock } from '../../core/clock.ts'
import { StreamsError } from '../../core/errors.ts'
import type { Logger } from '../../core/logger.ts'
import type { TaskId } from '../../core/task-id.ts'
import type { GroupMembership } from '../../kafka/client/group-membership.ts'
import type { KafkaPort } from '../../kafka/port.ts'
import type { Topology } from '../../topology/topology.ts'
import { leaderAssignment } from '../assignment/leader.ts'
import { readPartitionPlan } from '../assignment/partition-plan.ts'
import {
  parseAssignment,
  subscriptionMetadata,
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
  /** Something to do for `step`. */
  readonly onEvent: () => void
}

/**
 * Cooperative rebalancing (KIP-429): tasks run on while the group agrees. A task that moves is given
 * up (committed, closed) after one generation and taken by its new owner in the next.
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
  #memberId = ''
  /** What the group last gave us. */
  #assigned: readonly TaskId[] = []

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
    if (error !== undefined) throw new StreamsError(error.code, error)
    if (this.#memberId !== '' && membership.member?.memberId !== this.#memberId) {
      // We were thrown out and came back as somebody else: our tasks may have run elsewhere meanwhile.
      await abandon()
    }
    this.#joined = undefined
    this.#assigned = active
    const wanted = new Set(active)
    const revoked = tasks.ids.filter((id) => !wanted.has(id))
    const added = active.filter((id) => !tasks.ids.includes(id))
    // Noted before the commit, which may fail: the tasks are given up in any case.
    this.#rejoin = rejoinAfterRevoke && revoked.length > 0
    logger.info({ active, added, revoked, generation: membership.member?.generation }, 'assigned')
    if (revoked.length > 0) {
      await commitAll()
      await tasks.close(revoked)
    }
    await this.openAssigned()
  }

  /** Opens what the group gave us and is not open: after an assignment, or after work was abandoned. */
  async openAssigned(): Promise<void> {
    const { tasks } = this.#options
    const closed = this.#assigned.filter((id) => !tasks.ids.includes(id))
    if (closed.length > 0) await this.#open(closed)
  }

  async #open(added: readonly TaskId[]): Promise<void> {
    const { tasks } = await readPartitionPlan(this.#options)
    for (const id of added) {
      const plan = tasks.find((task) => task.id === id)
      if (plan === undefined) {
        throw new StreamsError('INVALID_TOPOLOGY', {
          message: `task ${id} was assigned but this topology has no such task`,
          hint: 'Every instance of an application must run the same topology.',
        })
      }
      const partitions = tasks.filter((task) => task.subTopology === plan.subTopology).length
      this.#options.tasks.open({ id, sources: plan.sources, partitions })
    }
  }
}
