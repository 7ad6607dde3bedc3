import type { Clock } from '../../core/clock.ts'
import { StreamsError } from '../../core/errors.ts'
import type { Logger } from '../../core/logger.ts'
import type { ThreadCounters } from '../../core/metrics.ts'
import type { TaskId } from '../../core/task-id.ts'
import { topicPartitionKey, type TopicPartition } from '../../core/topic-partition.ts'
import type { Assign, GroupMembership } from '../../kafka/client/group-membership.ts'
import type { GroupMember, KafkaPort } from '../../kafka/port.ts'
import type { Topology } from '../../topology/topology.ts'
import type { FleetConfig } from '../assignment/assignor.ts'
import { InputWatch } from '../assignment/input-watch.ts'
import { leaderAssignment } from '../assignment/leader.ts'
import type { PartitionPlan } from '../assignment/partition-plan.ts'
import {
  parseAssignment,
  subscriptionMetadata,
  type AssignedTask,
  type GroupView,
  type ParsedAssignment,
} from '../assignment/subscription.ts'
import type { ThreadName } from '../assignment/thread-name.ts'
import type { LocalStorage } from './local-storage.ts'
import type { Standbys } from './standbys.ts'
import type { TaskRegistry } from './task-registry.ts'

export interface RebalancerOptions {
  readonly port: KafkaPort
  readonly clock: Clock
  readonly logger: Logger
  readonly counters: ThreadCounters
  readonly topology: Topology
  readonly applicationId: string
  readonly processId: string
  readonly threadIndex: number
  readonly replicationFactor: number
  /** Should this thread lead the group. */
  readonly fleet: FleetConfig
  readonly membership: GroupMembership
  readonly tasks: TaskRegistry
  readonly standbys: Standbys
  readonly storage: LocalStorage
  /** Commits everything. */
  readonly commit: () => Promise<void>
  /** Commits everything and checkpoints these tasks, before they are given up. */
  readonly commitAll: (of: readonly TaskId[]) => Promise<void>
  /** Abandons all that is not committed. */
  readonly abandon: () => Promise<void>
  /** Committed offsets can be read, and are not those of a coordinator that was replaced. */
  readonly proveCoordinator: (partition: TopicPartition, member: GroupMember) => Promise<void>
  /** Ends what these threads, which are not in the group any more, have left open. */
  readonly onGone: (threads: readonly ThreadName[]) => void
  /** Something to do for `step`. */
  readonly onEvent: () => void
  /** The leader has said who there is and what they have. */
  readonly onGroup?: ((group: GroupView) => void) | undefined
}

/**
 * Cooperative rebalancing (KIP-429): tasks run on while the group agrees. A task that moves is
 * given up (committed, closed) after one generation and taken by its new owner in the next.
 *
 * Commits go on in the old generation while JoinGroup waits for the other members, which may take
 * seconds. From its answer to that of SyncGroup there is no generation to commit in; a commit that
 * is refused because it crossed that line is sent again in the new one.
 */
export class Rebalancer {
  readonly #options: RebalancerOptions
  readonly #watch: InputWatch
  #joining = false
  #joined: ParsedAssignment | undefined
  #failure: unknown
  #rejoin = false
  #reopening = false
  #memberId = ''
  /** When the join under way, or the last one, began. */
  #joinedAtMs = 0
  #leads = false
  /** What the group last gave us. */
  #assigned: readonly AssignedTask[] = []
  /** The threads of the group. */
  #threads: readonly ThreadName[] = []
  /** What we are to follow. */
  #followed: readonly AssignedTask[] = []
  /** Of what we follow, what is to move here once it has caught up. */
  #warmUps: readonly TaskId[] = []

  constructor(options: RebalancerOptions) {
    this.#options = options
    this.#watch = new InputWatch(options)
  }

  get isJoining(): boolean {
    return this.#joining || this.#joined !== undefined
  }

  /** Not while the group does not know us, or as somebody else than whom our work was done by. */
  get mayCommit(): boolean {
    const { member, state } = this.#options.membership
    if (this.#joined !== undefined || state === 'lost') return false
    return !this.#joining || (member !== undefined && member.memberId === this.#memberId)
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
    const { membership, commit } = this.#options
    const reason = this.#reasonToJoin()
    if (reason === undefined) return
    if (membership.state === 'lost') await this.#leaveAll()
    else if (membership.state !== 'unjoined') await commit()
    this.#startJoin(reason)
  }

  /** In words, for the log and for the coordinator's (KIP-800); undefined: there is none. */
  #reasonToJoin(): string | undefined {
    switch (this.#options.membership.state) {
      case 'stable':
        if (this.#rejoin) return 'tasks that are to move have been closed'
        if (this.#isWarm()) return 'a copy is warm enough for its task to move'
        return this.#watch.hasChanged() ? 'the topics that are read have changed' : undefined
      case 'unjoined':
        return 'the thread starts'
      case 'rebalancing':
        return 'the group rebalances'
      case 'lost':
        return 'its membership was lost'
    }
  }

  /** Others may have our tasks by now, other threads of our process the files of what we follow. */
  async #leaveAll(): Promise<void> {
    await this.#options.standbys.closeAll(false)
    await this.#options.abandon()
  }

  /** Whether a task that is to move here can do so now: the group is told once. */
  #isWarm(): boolean {
    if (this.#warmUps.length === 0) return false
    const { caughtUp } = this.#options.standbys
    const warm = this.#warmUps.filter((id) => caughtUp.includes(id))
    if (warm.length === 0) return false
    this.#options.logger.info({ warm }, 'warmed up: joining again')
    return true
  }

  #startJoin(reason: string): void {
    const { membership, logger, clock } = this.#options
    logger.info({ reason }, 'joining the group')
    this.#joinedAtMs = clock.nowMs()
    this.#leads = false
    this.#rejoin = false
    this.#warmUps = []
    this.#watch.forget()
    this.#joining = true
    this.#memberId = membership.member?.memberId ?? ''
    membership
      .join(this.#subscription(), this.#assign, reason)
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

  /** As the leader of this generation. */
  readonly #assign: Assign = (members) => {
    this.#leads = true
    const onPlan = (plan: PartitionPlan): void => this.#watch.follow(plan)
    const threads = this.#threads
    return leaderAssignment({ ...this.#options, ...this.#options.fleet, onPlan, threads }, members)
  }

  #subscription(): Uint8Array {
    const { tasks, standbys, storage } = this.#options
    const onDisk = storage.tasks().map((task) => [task, storage.position(task)] as const)
    return subscriptionMetadata({
      ...this.#options,
      owned: tasks.ids,
      restoring: tasks.ids.filter((id) => tasks.stateOf(id) !== 'running'),
      standby: standbys.ids,
      caughtUp: standbys.caughtUp,
      stored: new Map([...onDisk, ...tasks.positions(), ...standbys.positions()]),
    })
  }

  async #apply(assignment: ParsedAssignment): Promise<void> {
    const { tasks, membership, logger } = this.#options
    const { active, rejoinAfterRevoke, error } = assignment
    const planned = new Map(assignment.tasks.map((task) => [task.id, task]))
    if (error !== undefined) throw new StreamsError(error.code, error)
    if (this.#memberId !== '' && membership.member?.memberId !== this.#memberId) {
      // We were thrown out and came back as somebody else: our tasks may have run elsewhere
      // meanwhile.
      await this.#leaveAll()
    }
    this.#joined = undefined
    const { members, counts } = assignment
    const generation = membership.member?.generation ?? -1
    this.#options.onGroup?.({ generation, members, counts })
    this.#assigned = assignment.tasks
    this.#followed = assignment.standby
    this.#threads = assignment.threads
    if (assignment.isUnsettled) membership.expectRebalance()
    // Noted before the commit, which may fail: the tasks are given up in any case.
    this.#rejoin = rejoinAfterRevoke
    this.#warmUps = assignment.warmUps
    // Also those whose input is another one now: a topic was created that a pattern matches.
    const revoked = tasks.ids.filter((id) => !isSame(tasks.planOf(id), planned.get(id)))
    const standby = assignment.standby.map(({ id }) => id)
    this.#options.counters.rebalances += 1
    const tookMs = this.#options.clock.nowMs() - this.#joinedAtMs
    logger.info({ generation, leader: this.#leads, tookMs, active, standby, revoked }, 'assigned')
    await this.#giveUp(revoked, assignment)
    await this.#takeOver(assignment.tasks)
    this.#openAssigned()
  }

  /** What is to be followed from now on keeps its local storage open. */
  async #giveUp(revoked: readonly TaskId[], { standby, active }: ParsedAssignment): Promise<void> {
    const { tasks, standbys, commitAll } = this.#options
    const planned = new Map(standby.map((task) => [task.id, task]))
    const dropped = standbys.ids.filter(
      (id) => !active.includes(id) && !isSame(standbys.planOf(id), planned.get(id)),
    )
    await standbys.close(dropped, true)
    if (revoked.length > 0) await commitAll(revoked)
    for (const id of revoked) {
      const plan = planned.get(id)
      if (plan === undefined) await tasks.close([id])
      else standbys.open(plan, tasks.release(id))
    }
  }

  /** What was followed here begins where the copy is. */
  async #takeOver(assigned: readonly AssignedTask[]): Promise<void> {
    const { tasks, standbys } = this.#options
    for (const plan of assigned) {
      if (standbys.ids.includes(plan.id)) tasks.open(plan, await standbys.release(plan.id))
    }
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
    const { tasks, standbys } = this.#options
    for (const task of this.#assigned) if (!tasks.ids.includes(task.id)) tasks.open(task)
    for (const task of this.#followed) if (!standbys.ids.includes(task.id)) standbys.open(task)
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
