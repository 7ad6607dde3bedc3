import { isStreamsError, StreamsError } from '../../core/errors.ts'
import type { Clock } from '../../core/clock.ts'
import type { Logger } from '../../core/logger.ts'
import type { TaskId } from '../../core/task-id.ts'
import type { KafkaPort } from '../../kafka/port.ts'
import type { Topology } from '../../topology/topology.ts'
import { assignTasks, type FleetConfig, type MemberAssignment } from './assignor.ts'
import { taskExtents } from './task-extents.ts'
import { ensureInternalTopics } from './internal-topics.ts'
import { readPartitionPlan, type PartitionPlan } from './partition-plan.ts'
import {
  assignmentFor,
  parseSubscription,
  type AssignedTask,
  type AssignmentError,
  type GroupProcess,
  type MemberState,
} from './subscription.ts'
import { threadName, type ThreadName } from './thread-name.ts'

export interface LeaderOptions extends FleetConfig {
  readonly port: KafkaPort
  readonly clock: Clock
  readonly logger: Logger
  readonly topology: Topology
  readonly applicationId: string
  /** For internal topics; -1: the cluster's default. */
  readonly replicationFactor: number
  /** Told what the tasks are planned for. */
  readonly onPlan?: (plan: PartitionPlan) => void
  /** The threads of the group, as this member last heard of them. */
  readonly threads: readonly ThreadName[]
  /** These threads of the group are not in it any more. */
  readonly onGone: (threads: readonly ThreadName[]) => void
}

interface Member {
  readonly memberId: string
  readonly metadata: Uint8Array
}

type AcceptedMember = MemberState & { readonly memberId: string }

/** A member that gets nothing, and why. */
interface RefusedMember {
  readonly memberId: string
  readonly error: AssignmentError
  readonly mayRunTasks: boolean
}

/**
 * The leader's work in a rebalance: plan, internal topics, an assignment for each member.
 *
 * Why the group cannot run (topics missing or mismatched) is told to every member. A member with
 * another topology, or whose subscription cannot be read, gets the reason and no tasks: the
 * leader's topology counts, and tasks that such a member may still run wait until it has left.
 * A member that wants all to stop has its way, at once.
 * Rejects with the `KafkaError` where the cluster cannot be asked: another attempt or another
 * leader may do.
 */
export async function leaderAssignment(
  options: LeaderOptions,
  members: readonly Member[],
): Promise<ReadonlyMap<string, Uint8Array>> {
  const { port, clock, logger, topology, replicationFactor } = options
  const stop = stopWanted(members, topology.fingerprint)
  if (stop !== undefined) {
    logger.warn({ reason: stop.message }, 'every member of the group is told to stop')
    return new Map(members.map(({ memberId }) => [memberId, refusal(stop)]))
  }
  let plan: PartitionPlan
  let created: readonly string[]
  try {
    plan = await readPartitionPlan(options)
    created = await ensureInternalTopics(port, clock, logger, plan, { replicationFactor })
    options.onPlan?.(plan)
  } catch (error) {
    if (!isStreamsError(error)) throw error
    logger.error({ err: error, hint: error.hint }, 'the group cannot run')
    return new Map(members.map(({ memberId }) => [memberId, refusal(error)]))
  }
  const accepted: AcceptedMember[] = []
  const refused: RefusedMember[] = []
  for (const member of members) {
    const read = readMember(member, topology.fingerprint)
    if ('error' in read) refused.push(read)
    else accepted.push(read)
  }
  for (const { memberId, error } of refused) {
    logger.warn({ memberId, reason: error.message }, 'a group member gets no tasks')
  }
  const threads = threadsNow(options, accepted, refused)
  const assigned = assignTasks({
    ...options,
    tasks: plan.tasks,
    members: accepted,
    strangers: refused.some(({ mayRunTasks }) => mayRunTasks),
    // Within one process nothing has to be brought anywhere.
    extents: isOneProcess(accepted) ? new Map() : await taskExtents(options, plan, created),
  })
  logAssigned(options, members.length, plan, assigned, accepted.map(threadName))
  return new Map([
    ...refused.map(({ memberId, error }) => [memberId, refusal(error)] as const),
    ...written(plan, accepted, assigned, threads),
  ])
}

/** Where a member cannot be read it may be any of those that seem to be gone. */
function threadsNow(
  { threads, onGone }: LeaderOptions,
  accepted: readonly AcceptedMember[],
  refused: readonly RefusedMember[],
): readonly ThreadName[] {
  const now = accepted.map(threadName)
  const gone = threads.filter((each) => !now.includes(each))
  if (refused.length > 0) return [...now, ...gone]
  onGone(gone)
  return now
}

const isOneProcess = (members: readonly AcceptedMember[]): boolean =>
  members.every(({ processId }) => processId === members[0]?.processId)

/** What each member is told. */
function written(
  plan: PartitionPlan,
  accepted: readonly AcceptedMember[],
  assigned: ReadonlyMap<string, MemberAssignment>,
  threads: readonly ThreadName[],
): readonly (readonly [string, Uint8Array])[] {
  const describe = describeTasks(plan)
  const counts = taskCounts(plan)
  const members = processesOf(accepted, assigned)
  const isUnsettled = [...assigned.values()].some((each) => each.rejoinAfterRevoke)
  return [...assigned].map(([memberId, { active, standby, warmUps, rejoinAfterRevoke }]) => [
    memberId,
    assignmentFor({
      tasks: active.map(describe),
      standby: standby.map(describe),
      warmUps,
      members,
      threads,
      counts,
      rejoinAfterRevoke,
      isUnsettled,
      error: undefined,
    }),
  ])
}

/** For those who ask each other about keys; nobody is told where nobody answers. */
function processesOf(
  accepted: readonly AcceptedMember[],
  assigned: ReadonlyMap<string, MemberAssignment>,
): readonly GroupProcess[] {
  if (accepted.every(({ server }) => server === undefined)) return []
  const byProcess = Map.groupBy(accepted, ({ processId }) => processId)
  return [...byProcess].map(([processId, threads]) => {
    const given = threads.flatMap(({ memberId }) => assigned.get(memberId) ?? [])
    return {
      processId,
      server: threads.find(({ server }) => server !== undefined)?.server,
      active: given.flatMap(({ active }) => active),
      standby: given.flatMap(({ standby }) => standby),
    }
  })
}

/** What somebody needs to follow a rebalance in the log. */
function logAssigned(
  { logger, threads }: LeaderOptions,
  members: number,
  { tasks }: PartitionPlan,
  assigned: ReadonlyMap<string, MemberAssignment>,
  now: readonly ThreadName[],
): void {
  const given = [...assigned.values()]
  const active = given.reduce((sum, each) => sum + each.active.length, 0)
  const following = given.reduce((sum, each) => sum + each.standby.length, 0)
  const warmUps = given.flatMap((each) => each.warmUps)
  logger.info(
    {
      members,
      joined: now.filter((each) => !threads.includes(each)),
      gone: threads.filter((each) => !now.includes(each)),
      tasks: tasks.length,
      waiting: tasks.length - active,
      standbys: following - warmUps.length,
      warmUps,
    },
    'the tasks of the group are assigned',
  )
}

/** By a member with the same topology: another version is no reason for this one to stop. */
function stopWanted(members: readonly Member[], fingerprint: string): AssignmentError | undefined {
  for (const member of members) {
    const read = readMember(member, fingerprint)
    if ('stop' in read && read.stop !== undefined) return read.stop
  }
  return undefined
}

function readMember(
  { memberId, metadata }: Member,
  fingerprint: string,
): AcceptedMember | RefusedMember {
  let state: MemberState
  try {
    state = parseSubscription(metadata)
  } catch (error) {
    if (!isStreamsError(error)) throw error
    return { memberId, error: asData(error), mayRunTasks: true }
  }
  if (state.fingerprint === fingerprint) return { memberId, ...state }
  return { memberId, error: asData(otherTopology), mayRunTasks: state.owned.length > 0 }
}

const otherTopology = new StreamsError('INVALID_TOPOLOGY', {
  message: 'this instance has another topology than the instance that leads the group',
  hint: 'Stop every instance before starting a version with a changed topology, or give it another application id.',
})

const taskCounts = ({ tasks }: PartitionPlan): ReadonlyMap<number, number> => {
  const counts = new Map<number, number>()
  for (const { subTopology } of tasks) counts.set(subTopology, (counts.get(subTopology) ?? 0) + 1)
  return counts
}

function describeTasks(plan: PartitionPlan): (id: TaskId) => AssignedTask {
  const byId = new Map(plan.tasks.map((task) => [task.id, task]))
  const counts = taskCounts(plan)
  return (id) => {
    const { subTopology = -1, sources = [] } = byId.get(id) ?? {}
    return { id, sources, partitions: counts.get(subTopology) ?? 0 }
  }
}

/** Without the rest of the error: it is for the leader's log. */
const asData = ({ code, message, hint }: AssignmentError): AssignmentError => ({
  code,
  message,
  hint,
})

const refusal = (error: AssignmentError): Uint8Array =>
  assignmentFor({ tasks: [], rejoinAfterRevoke: false, error: asData(error) })
