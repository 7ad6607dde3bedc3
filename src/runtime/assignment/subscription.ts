/**
 * What the members of a group tell their leader, and the leader them: JSON in the user data of
 * Kafka's consumer protocol, so that Kafka's tools can read the rest.
 *
 * Rolling upgrades: fields may be added at any time, readers ignore what they do not know.
 * `version` rises only when old readers would misunderstand; they then refuse with
 * `INVALID_CONFIG`.
 */
import { errorCodes, StreamsError, type ErrorCode } from '../../core/errors.ts'
import { parseTaskId, taskId, type TaskId } from '../../core/task-id.ts'
import type { TopicPartition } from '../../core/topic-partition.ts'
import {
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
} from '../../kafka/wire/consumer-protocol.ts'
import { topicName } from '../../topology/graph.ts'
import type { Topology } from '../../topology/topology.ts'
import type { ThreadName } from './thread-name.ts'

const VERSION = 1

export interface SubscriptionOptions {
  readonly topology: Topology
  readonly applicationId: string
  readonly processId: string
  readonly threadIndex: number
  /** Every task this thread holds, in whatever state. */
  readonly owned: readonly TaskId[]
  /**
   * Tasks with state on this process's disk: the sum of its changelog positions, or 0 where not
   * known.
   */
  readonly stored: ReadonlyMap<TaskId, number>
  /** Of those owned, the ones whose state is still being restored. */
  readonly restoring?: readonly TaskId[]
  /** Tasks whose changelogs this thread follows, as a standby or to warm up. */
  readonly standby?: readonly TaskId[]
  /** Of those, the ones that were within the acceptable lag when this was written. */
  readonly caughtUp?: readonly TaskId[]
  /** Where this process answers the others' queries, `http://10.0.0.7:8080` for example. */
  readonly server?: string | undefined
  /** What every member of the group is to fail with, at the wish of this one. */
  readonly stop?: AssignmentError
}

export interface MemberState {
  readonly processId: string
  readonly threadIndex: number
  readonly fingerprint: string
  readonly owned: readonly TaskId[]
  readonly stored: ReadonlyMap<TaskId, number>
  readonly restoring: readonly TaskId[]
  readonly standby: readonly TaskId[]
  readonly caughtUp: readonly TaskId[]
  readonly server: string | undefined
  readonly stop: AssignmentError | undefined
}

/** Why the leader gives a member nothing; the member throws it as a `StreamsError`. */
export interface AssignmentError {
  readonly code: ErrorCode
  readonly message: string
  readonly hint: string
}

export interface AssignedTask {
  readonly id: TaskId
  readonly sources: readonly TopicPartition[]
  /** How many tasks its sub-topology has. */
  readonly partitions: number
}

/** A process of the group and what its threads were given. */
export interface GroupProcess {
  readonly processId: string
  /** Where it answers queries; undefined: nowhere. */
  readonly server: string | undefined
  readonly active: readonly TaskId[]
  readonly standby: readonly TaskId[]
}

/** The group as its leader described it in a rebalance. */
export interface GroupView extends Pick<ParsedAssignment, 'members' | 'counts'> {
  /** Of the group: the later one is right. */
  readonly generation: number
}

export interface ParsedAssignment {
  readonly active: readonly TaskId[]
  /**
   * The same tasks as {@link active}, with what has to be known to open them: the leader's view of
   * the cluster counts.
   */
  readonly tasks: readonly AssignedTask[]
  /** Tasks whose changelogs this member follows; none of them is active anywhere in its process. */
  readonly standby: readonly AssignedTask[]
  /**
   * Of those, the ones that are to move here: join again, once, as soon as one of them is within
   * the acceptable lag.
   */
  readonly warmUps: readonly TaskId[]
  /** Every process of the group; empty where none of them answers queries. */
  readonly members: readonly GroupProcess[]
  /** Every thread of the group. */
  readonly threads: readonly ThreadName[]
  /** How many tasks each sub-topology has: of every one, and not only of those that run here. */
  readonly counts: ReadonlyMap<number, number>
  /**
   * A task waits until this member has closed it: join again as soon as it is, also when nothing
   * had to be closed.
   */
  readonly rejoinAfterRevoke: boolean
  /** Some member will join again as soon as it has closed what it gives up. */
  readonly isUnsettled: boolean
  readonly error: AssignmentError | undefined
}

/** What the leader has to say to a member; what is left out is empty. */
export interface AssignmentOptions extends Partial<
  Omit<ParsedAssignment, 'active' | 'rejoinAfterRevoke' | 'error'>
> {
  readonly tasks: readonly AssignedTask[]
  readonly rejoinAfterRevoke: boolean
  readonly error: AssignmentError | undefined
}

/** Nothing to do, as for a member that the leader has not heard of. */
export const noAssignment: ParsedAssignment = {
  active: [],
  tasks: [],
  standby: [],
  warmUps: [],
  members: [],
  threads: [],
  counts: new Map(),
  rejoinAfterRevoke: false,
  isUnsettled: false,
  error: undefined,
}

/** What a member sends with JoinGroup. */
export function subscriptionMetadata(options: SubscriptionOptions): Uint8Array {
  const { topology, applicationId, processId, threadIndex, owned, stored, server, stop } = options
  const { restoring = [], standby = [], caughtUp = [] } = options
  const topics = topology.subTopologies
    .flatMap(({ sources }) => sources)
    .flatMap((source) => (source.topics instanceof RegExp ? [] : source.topics))
    .map((topic) => topicName(topic, applicationId))
  const userData = {
    version: VERSION,
    processId,
    threadIndex,
    fingerprint: topology.fingerprint,
    owned,
    stored: Object.fromEntries(stored),
    ...given({ restoring, standby, caughtUp }),
    ...(server === undefined ? {} : { server }),
    ...(stop === undefined ? {} : { stop }),
  }
  // Tasks say more than partitions, so the protocol's own list of what is owned stays empty.
  return encodeSubscription({ topics, userData: toBytes(userData), owned: [] })
}

/** For the leader. Throws `INVALID_CONFIG` for what it cannot read. */
export function parseSubscription(bytes: Uint8Array): MemberState {
  const fields = fieldsOf('subscription', () => decodeSubscription(bytes).userData)
  const { processId, threadIndex, fingerprint } = fields
  if (
    typeof processId !== 'string' ||
    typeof threadIndex !== 'number' ||
    typeof fingerprint !== 'string' ||
    !isObject(fields.stored)
  ) {
    throw unreadable('subscription')
  }
  const stored = Object.entries(fields.stored).map(
    ([task, position]) => [readTaskId(task, 'subscription'), Number(position)] as const,
  )
  return {
    processId,
    threadIndex,
    fingerprint,
    owned: readTaskIds(fields.owned, 'subscription'),
    stored: new Map(stored),
    restoring: readTaskIds(fields.restoring ?? [], 'subscription'),
    standby: readTaskIds(fields.standby ?? [], 'subscription'),
    caughtUp: readTaskIds(fields.caughtUp ?? [], 'subscription'),
    server: textOrNone(fields.server),
    stop: isObject(fields.stop) ? readError(fields.stop) : undefined,
  }
}

/** What the leader sends with SyncGroup. Tasks of one sub-topology read the same topics. */
export function assignmentFor(assignment: AssignmentOptions): Uint8Array {
  const { tasks, rejoinAfterRevoke, error, counts = new Map<number, number>() } = assignment
  const { standby = [], warmUps = [], members = [], threads = [] } = assignment
  const userData = {
    version: VERSION,
    active: tasks.map(({ id }) => id),
    counts: Object.fromEntries([
      ...counts,
      ...[...tasks, ...standby].map(({ id, partitions }) => [
        parseTaskId(id).subTopology,
        partitions,
      ]),
    ]) as Record<string, number>,
    topics: topicsBySubTopology(tasks),
    // Not in the protocol's list of partitions: Kafka's tools would take them for read twice.
    standby: Object.fromEntries(
      standby.map(({ id, sources }) => [id, sources.map(({ topic }) => topic)]),
    ),
    ...given({ warmUps, members: members.map(writtenProcess), threads }),
    rejoinAfterRevoke,
    ...(assignment.isUnsettled === true ? { isUnsettled: true } : {}),
    error,
  }
  return encodeAssignment({
    partitions: tasks.flatMap(({ sources }) => sources),
    userData: toBytes(userData),
  })
}

/** For a member. Throws `INVALID_CONFIG` for what it cannot read. */
export function parseAssignment(bytes: Uint8Array): ParsedAssignment {
  if (bytes.length === 0) return noAssignment
  let partitions: readonly TopicPartition[] = []
  const fields = fieldsOf('assignment', () => {
    const decoded = decodeAssignment(bytes)
    partitions = decoded.partitions
    return decoded.userData
  })
  const active = readTaskIds(fields.active, 'assignment')
  return {
    active,
    tasks: assignedTasks(active, partitions, fields),
    standby: standbyTasks(fields),
    warmUps: readTaskIds(fields.warmUps ?? [], 'assignment'),
    members: asArray(fields.members ?? [], 'assignment').map(readProcess),
    threads: asArray(fields.threads ?? [], 'assignment').map((name) => String(name) as ThreadName),
    counts: new Map(
      Object.entries(fields.counts as Fields).map(([id, count]) => [Number(id), Number(count)]),
    ),
    rejoinAfterRevoke: fields.rejoinAfterRevoke === true,
    isUnsettled: fields.isUnsettled === true,
    error: isObject(fields.error) ? readError(fields.error) : undefined,
  }
}

function topicsBySubTopology(tasks: readonly AssignedTask[]): Record<string, readonly string[]> {
  const topics = new Map<number, Set<string>>()
  for (const { id, sources } of tasks) {
    const { subTopology } = parseTaskId(id)
    const known = topics.get(subTopology) ?? new Set()
    for (const { topic } of sources) known.add(topic)
    topics.set(subTopology, known)
  }
  return Object.fromEntries([...topics].map(([id, names]) => [id, [...names]]))
}

function assignedTasks(
  active: readonly TaskId[],
  partitions: readonly TopicPartition[],
  { counts, topics }: Fields,
): readonly AssignedTask[] {
  if (!isObject(counts) || !isObject(topics)) throw unreadable('assignment')
  const sources = new Map<TaskId, TopicPartition[]>(active.map((id) => [id, []]))
  const readBy = new Map<string, number>()
  for (const [subTopology, names] of Object.entries(topics)) {
    for (const name of asArray(names, 'assignment')) readBy.set(String(name), Number(subTopology))
  }
  for (const source of partitions) {
    const subTopology = readBy.get(source.topic)
    if (subTopology !== undefined) {
      sources.get(taskId(subTopology, source.partition))?.push(source)
    }
  }
  return [...sources].map(([id, ofTask]) => {
    const count = counts[parseTaskId(id).subTopology]
    if (typeof count !== 'number' || ofTask.length === 0) throw unreadable('assignment')
    return { id, sources: ofTask, partitions: count }
  })
}

function standbyTasks({ standby, counts }: Fields): readonly AssignedTask[] {
  if (!isObject(standby)) return []
  return Object.entries(standby).map(([text, topics]) => {
    const id = readTaskId(text, 'assignment')
    const { subTopology, partition } = parseTaskId(id)
    const partitions = (counts as Fields)[subTopology]
    const sources = asArray(topics, 'assignment').map((topic) => ({
      topic: String(topic),
      partition,
    }))
    if (typeof partitions !== 'number' || sources.length === 0) throw unreadable('assignment')
    return { id, sources, partitions }
  })
}

function readProcess(fields: unknown): GroupProcess {
  if (!isObject(fields) || typeof fields.processId !== 'string') throw unreadable('assignment')
  return {
    processId: fields.processId,
    server: textOrNone(fields.server),
    active: readPartitions(fields.active),
    standby: readPartitions(fields.standby),
  }
}

/**
 * Partitions by sub-topology: Kafka keeps all of a group in one record, of 1 MB by default, and
 * every member is told of every other one.
 */
const writtenProcess = ({ processId, server, active, standby }: GroupProcess): Fields => ({
  processId,
  server,
  active: partitionsOf(active),
  standby: partitionsOf(standby),
})

function partitionsOf(ids: readonly TaskId[]): Readonly<Record<string, readonly number[]>> {
  const bySubTopology = Map.groupBy(ids.map(parseTaskId), ({ subTopology }) => subTopology)
  return Object.fromEntries(
    [...bySubTopology].map(([id, tasks]) => [id, tasks.map(({ partition }) => partition)]),
  )
}

function readPartitions(bySubTopology: unknown): readonly TaskId[] {
  if (!isObject(bySubTopology)) throw unreadable('assignment')
  return Object.entries(bySubTopology).flatMap(([id, partitions]) =>
    asArray(partitions, 'assignment').map((partition) => taskId(Number(id), Number(partition))),
  )
}

type Fields = Readonly<Record<string, unknown>>

const toBytes = (fields: object): Uint8Array => new TextEncoder().encode(JSON.stringify(fields))

/** The user data, once its version is known to be readable. */
function fieldsOf(what: string, userData: () => Uint8Array | null): Fields {
  let fields: unknown
  try {
    fields = JSON.parse(new TextDecoder().decode(userData() ?? undefined))
  } catch (cause) {
    throw unreadable(what, cause)
  }
  if (!isObject(fields) || typeof fields.version !== 'number') throw unreadable(what)
  if (fields.version > VERSION) {
    throw new StreamsError('INVALID_CONFIG', {
      message: `the ${what} of a group member has version ${fields.version}, this one reads up to ${VERSION}`,
      hint: 'Stop every instance before upgrading across these versions of Millrace; its release notes say so.',
    })
  }
  return fields
}

/** Lists that are empty are left out. */
const given = <T extends Readonly<Record<string, readonly unknown[]>>>(lists: T): Partial<T> =>
  Object.fromEntries(
    Object.entries(lists).filter(([, list]) => list.length > 0),
  ) as unknown as Partial<T>

const textOrNone = (value: unknown): string | undefined =>
  typeof value === 'string' ? value : undefined

const isObject = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function asArray(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value)) throw unreadable(what)
  return value
}

const readTaskIds = (value: unknown, what: string): readonly TaskId[] =>
  asArray(value, what).map((each) => readTaskId(each, what))

function readTaskId(value: unknown, what: string): TaskId {
  if (typeof value !== 'string' || !/^\d+_\d+$/.test(value)) throw unreadable(what)
  return value as TaskId
}

function readError({ code, message, hint }: Fields): AssignmentError {
  return {
    // A newer leader may know codes that we do not: its words still say it all.
    code: errorCodes.find((known) => known === code) ?? 'THREAD_FAILED',
    message: String(message),
    hint: String(hint),
  }
}

const unreadable = (what: string, cause?: unknown): StreamsError =>
  new StreamsError('INVALID_CONFIG', {
    message: `the ${what} of a group member cannot be read`,
    hint: 'Another program uses this application id as its consumer group: give one of them another id.',
    cause,
  })
