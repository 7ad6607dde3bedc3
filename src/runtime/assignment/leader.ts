import { isStreamsError, StreamsError } from '../../core/errors.ts'
import type { Clock } from '../../core/clock.ts'
import type { Logger } from '../../core/logger.ts'
import type { TaskId } from '../../core/task-id.ts'
import type { KafkaPort } from '../../kafka/port.ts'
import type { Topology } from '../../topology/topology.ts'
import { assignTasks } from './assignor.ts'
import { ensureInternalTopics } from './internal-topics.ts'
import { readPartitionPlan, type PartitionPlan } from './partition-plan.ts'
import {
  assignmentFor,
  parseSubscription,
  type AssignedTask,
  type AssignmentError,
  type MemberState,
} from './subscription.ts'

export interface LeaderOptions {
  readonly port: KafkaPort
  readonly clock: Clock
  readonly logger: Logger
  readonly topology: Topology
  readonly applicationId: string
  /** For internal topics; -1: the cluster's default. */
  readonly replicationFactor: number
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
 * Rejects with the `KafkaError` where the cluster cannot be asked: another attempt or another
 * leader may do.
 */
export async function leaderAssignment(
  options: LeaderOptions,
  members: readonly Member[],
): Promise<ReadonlyMap<string, Uint8Array>> {
  const { port, clock, logger, topology, replicationFactor } = options
  let plan: PartitionPlan
  try {
    plan = await readPartitionPlan(options)
    await ensureInternalTopics(port, clock, logger, plan, { replicationFactor })
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
  const strangers = refused.some(({ mayRunTasks }) => mayRunTasks)
  const assigned = assignTasks({ tasks: plan.tasks, members: accepted, strangers })
  const assignments = new Map(refused.map(({ memberId, error }) => [memberId, refusal(error)]))
  const describe = describeTasks(plan)
  const counts = taskCounts(plan)
  let waiting = plan.tasks.length
  for (const [memberId, { active, rejoinAfterRevoke }] of assigned) {
    const tasks = active.map(describe)
    waiting -= active.length
    const assignment = { tasks, counts, rejoinAfterRevoke, error: undefined }
    assignments.set(memberId, assignmentFor(assignment))
  }
  logger.info(
    { members: members.length, tasks: plan.tasks.length, waiting },
    'the tasks of the group are assigned',
  )
  return assignments
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
