import { StreamsError } from '../../core/errors.ts'
import { topicPartitionKey, type TopicPartition } from '../../core/topic-partition.ts'
import { fetchCommittedOffsets } from '../../kafka/client/offsets.ts'
import { retrying } from '../../kafka/client/retrying.ts'
import { ensureTopics } from '../../kafka/client/topics.ts'
import { KafkaError, type TopicMetadata } from '../../kafka/port.ts'
import { planPartitions, readPartitionPlan } from '../../runtime/assignment/partition-plan.ts'
import { topicsToLookUp } from '../../runtime/assignment/source-topics.ts'
import { outputTopics, shadowed, shadowTopic } from '../../topology/shadow.ts'
import { patience, type ReplayDeps } from './plan-replay.ts'
import { replayScope } from './replay-scope.ts'
import { findTargets, type ReplayTo } from './replay-target.ts'
import {
  boundsGroup,
  endsOf,
  readBounds,
  readStanding,
  writeBounds,
  type ShadowBounds,
} from './shadow-bounds.ts'
import { SoleMember } from './sole-member.ts'

const STABLE = { timeoutMs: 120_000 }

export interface ShadowOptions {
  readonly to: ReplayTo
  /** `topic` or `topic:partition`; all input where left out. */
  readonly topics?: readonly string[]
  /** Of the shadow's output topics; -1, the cluster's default, where left out. */
  readonly replicationFactor?: number
}

/** A shadow that is ready to run, or has run. */
export interface Shadow extends ShadowBounds {
  /** Its application id, and what its output topics begin with. */
  readonly id: string
  readonly applicationId: string
  /** It was there before: it goes on, and nothing that was asked for now counts. */
  readonly isResumed: boolean
  /** Whether what it reads and what it is compared with are of one moment. */
  readonly isExact: boolean
}

/**
 * What a shadow of an application would read, which is up to where the application stands now, and
 * what it would be compared with; what is there of the same id goes on as it is. Changes nothing.
 * Rejects with `INVALID_CONFIG` for an id whose topics or groups are somebody else's.
 */
export async function planShadow(
  deps: ReplayDeps,
  id: string,
  options: ShadowOptions,
): Promise<Shadow> {
  const { applicationId } = deps
  // Throws where the topology cannot have one.
  shadowed(deps.topology, id)
  const lists = await partitionsOf(deps)
  const names = await shadowNames(deps, id)
  refuseCollisions(deps, id, names, lists)
  const found = await readBounds(deps, id, [...lists.inputs, ...lists.outputs])
  if (found !== undefined) return { ...found, id, applicationId, isResumed: true, isExact: true }
  await refuseStrangers(deps, id, names)
  return { ...(await newBounds(deps, lists, options)), id, applicationId, isResumed: false }
}

/**
 * Plans a shadow and makes it ready to run, with topics of its own. Nothing of the application is
 * touched, and it may run. Interrupted, it goes on when it is called again.
 */
export async function prepareShadow(
  deps: ReplayDeps,
  id: string,
  options: ShadowOptions,
): Promise<Shadow> {
  const shadow = await planShadow(deps, id, options)
  // What makes it ours comes first: whatever is interrupted after it goes on from it.
  if (!shadow.isResumed) await writeBounds(deps, id, shadow)
  await createOutputs(deps, id, deps.topology, options.replicationFactor ?? -1)
  await commitStarts(deps, id, shadow)
  return shadow
}

/** Undefined where there is none of this id. */
export async function findShadow(deps: ReplayDeps, id: string): Promise<Shadow | undefined> {
  const lists = await partitionsOf(deps)
  const bounds = await readBounds(deps, id, [...lists.inputs, ...lists.outputs])
  const { applicationId } = deps
  return bounds && { ...bounds, id, applicationId, isResumed: true, isExact: true }
}

interface PartitionLists {
  /** Without what the application reads of its own outputs: a shadow reads its own. */
  readonly inputs: readonly TopicPartition[]
  readonly outputs: readonly TopicPartition[]
  /** Its changelogs and repartition topics. */
  readonly internals: readonly string[]
}

async function partitionsOf(deps: ReplayDeps): Promise<PartitionLists> {
  const plan = await readPartitionPlan(deps)
  const written = new Set(outputTopics(deps.topology))
  const internal = new Set(plan.repartitions.map(({ topic }) => topic))
  const sources = plan.tasks.flatMap((task) => task.sources)
  const topics = await metadataOf(deps, [...written])
  const missing = [...written].find((topic) => !topics.has(topic))
  if (missing !== undefined) {
    throw new StreamsError('TOPIC_MISSING', {
      message: `there is no topic "${missing}", which the topology writes to`,
      hint: 'Create it: the shadow of it gets as many partitions.',
    })
  }
  return {
    inputs: sources.filter(({ topic }) => !internal.has(topic) && !written.has(topic)),
    outputs: [...topics].flatMap(([topic, { partitions }]) =>
      partitions.map(({ id }) => ({ topic, partition: id })),
    ),
    internals: [...plan.changelogs, ...plan.repartitions].map(({ topic }) => topic),
  }
}

async function metadataOf(
  { port, clock }: ReplayDeps,
  topics: readonly string[],
): Promise<ReadonlyMap<string, TopicMetadata>> {
  if (topics.length === 0) return new Map()
  return await retrying(clock, patience, () => port.metadata(topics))
}

/** Every topic that the shadow has to itself, by its name in Kafka. */
async function shadowNames(deps: ReplayDeps, id: string): Promise<readonly string[]> {
  const { port, clock, topology } = deps
  const wanted = topicsToLookUp(topology)
  const metadata = await retrying(clock, patience, () => port.metadata(wanted))
  const { changelogs, repartitions } = planPartitions(topology, id, metadata)
  return [
    ...outputTopics(topology).map((topic) => shadowTopic(id, topic)),
    ...[...changelogs, ...repartitions].map(({ topic }) => topic),
  ]
}

function refuseCollisions(
  { topology, applicationId }: ReplayDeps,
  id: string,
  names: readonly string[],
  { inputs, outputs, internals }: PartitionLists,
): void {
  if (!/^[a-zA-Z0-9._-]{1,180}$/.test(id)) {
    throw badId(`"${id}" cannot be the id of a shadow`)
  }
  if (id === applicationId) throw badId(`"${id}" is the application itself`)
  const taken = new Set([...[...inputs, ...outputs].map(({ topic }) => topic), ...internals])
  const collision = names.find((name) => taken.has(name))
  if (collision !== undefined) throw badId(`a shadow "${id}" would write to topic "${collision}"`)
  for (const { topics } of topology.subTopologies.flatMap(({ sources }) => sources)) {
    if (!(topics instanceof RegExp)) continue
    const caught = names.find((name) => name.search(topics) >= 0)
    if (caught === undefined) continue
    throw badId(`the application would read topic "${caught}" of the shadow: it matches ${topics}`)
  }
}

/** An id that has topics or a group, and that no shadow was prepared under. */
async function refuseStrangers(
  deps: ReplayDeps,
  id: string,
  names: readonly string[],
): Promise<void> {
  const { port, clock } = deps
  const [taken] = (await metadataOf(deps, names)).keys()
  if (taken !== undefined) throw badId(`topic "${taken}" is there already, and is of no shadow`)
  const { state } = await retrying(clock, patience, () => port.describeGroup(id))
  if (state !== 'Dead') throw badId(`group "${id}" is there already, and is of no shadow`)
}

const badId = (message: string): StreamsError =>
  new StreamsError('INVALID_CONFIG', { message, hint: 'Choose another id for the shadow.' })

async function newBounds(
  deps: ReplayDeps,
  { inputs, outputs }: PartitionLists,
  { to, topics }: ShadowOptions,
): Promise<ShadowBounds & Pick<Shadow, 'isExact'>> {
  const { topology, applicationId } = deps
  const standing = await readStanding(deps, inputs, outputs)
  const plan = await readPartitionPlan(deps)
  const scope = replayScope({ topology, applicationId, plan, topics, keepsState: false })
  const isChosen = new Set(scope.inputs.map(keyOf))
  const at = (map: ReadonlyMap<string, number>, each: TopicPartition): number =>
    map.get(keyOf(each)) ?? 0
  const committed = inputs.map((each) => ({ ...each, from: at(standing.inputs, each) }))
  const targets = await findTargets(deps, to, committed)
  return {
    inputs: committed.map(({ topic, partition, from }) => {
      const key = topicPartitionKey(topic, partition)
      const wanted = isChosen.has(key) ? targets.get(key)!.offset : from
      return { topic, partition, start: Math.min(wanted, from), until: from }
    }),
    outputs: outputs.map((each) => ({ ...each, until: at(standing.outputs, each) })),
    isExact: standing.isExact,
  }
}

const keyOf = ({ topic, partition }: TopicPartition): string => topicPartitionKey(topic, partition)

/**
 * As many partitions as the topics that they shadow, so that each key lies in the same one. Kept
 * whole: records are as old as those they were made of, and retention would take them at once.
 */
async function createOutputs(
  deps: ReplayDeps,
  id: string,
  topology: ReplayDeps['topology'],
  replicationFactor: number,
): Promise<void> {
  const topics = await metadataOf(deps, outputTopics(topology))
  const configs = {
    'cleanup.policy': 'delete',
    'retention.ms': '-1',
    'message.timestamp.type': 'CreateTime',
  }
  const specs = [...topics].map(([topic, { partitions }]) => ({
    name: shadowTopic(id, topic),
    partitions: partitions.length,
    replicationFactor,
    configs,
  }))
  await ensureTopics(deps.port, deps.clock, specs)
}

/** Only where it has not begun. */
async function commitStarts(
  { port, clock }: ReplayDeps,
  id: string,
  { inputs }: ShadowBounds,
): Promise<void> {
  const committed = await fetchCommittedOffsets(port, clock, id, inputs, STABLE)
  const begun = new Set(committed.filter(({ offset }) => offset !== null).map(keyOf))
  const starts = inputs
    .filter((each) => !begun.has(keyOf(each)))
    .map(({ topic, partition, start }) => ({ topic, partition, offset: start, metadata: '' }))
  if (starts.length === 0) return
  const member = new SoleMember({ port, clock }, id, 'millrace-shadow')
  try {
    await member.enter()
    await member.commit(starts)
  } finally {
    await member.leave()
  }
}

export interface ShadowProgress {
  /** Offsets of the input that are not read yet. */
  readonly remaining: number
  /** What lies between its steps, and how far that is read; the same twice is the end. */
  readonly between: string
  readonly isDrained: boolean
}

/**
 * How far a running shadow has got. It is done when it is drained twice with the same `between`:
 * nothing is left of the input, and nothing came to be between the steps in the meantime.
 */
export async function shadowProgress(deps: ReplayDeps, shadow: Shadow): Promise<ShadowProgress> {
  const { port, clock } = deps
  const { id, inputs } = shadow
  const own = { ...deps, topology: shadowed(deps.topology, id), applicationId: id }
  const committed = await fetchCommittedOffsets(port, clock, id, inputs, STABLE)
  const remaining = inputs.reduce((sum, input) => {
    const at = committed.find((each) => keyOf(each) === keyOf(input))?.offset ?? input.start
    return sum + Math.max(0, input.until - at)
  }, 0)
  if (remaining > 0) return { remaining, between: '', isDrained: false }
  const { tasks } = await readPartitionPlan(own)
  const isInput = new Set(inputs.map(keyOf))
  const steps = tasks.flatMap(({ sources }) => sources).filter((each) => !isInput.has(keyOf(each)))
  const ends = await endsOf(deps, steps, 'read_uncommitted')
  const read = await fetchCommittedOffsets(port, clock, id, steps, STABLE)
  const isDrained = read.every((each) => (each.offset ?? 0) === (ends.get(keyOf(each)) ?? 0))
  return { remaining, between: JSON.stringify([...ends]), isDrained }
}

/** Removes every topic and group of a shadow. Rejects with `INVALID_CONFIG` where there is none. */
export async function discardShadow(deps: ReplayDeps, id: string): Promise<readonly string[]> {
  const { port, clock } = deps
  if ((await findShadow(deps, id)) === undefined) throw noShadow(id)
  const topics = [...(await metadataOf(deps, await shadowNames(deps, id))).keys()]
  for (const topic of topics) {
    await retrying(clock, patience, () => gone(port.deleteTopics([topic])))
  }
  // What makes it ours comes last.
  for (const group of [id, boundsGroup(id)]) {
    await retrying(clock, patience, () => gone(port.deleteGroup(group)))
  }
  return topics
}

export const noShadow = (id: string): StreamsError =>
  new StreamsError('INVALID_CONFIG', {
    message: `there is no shadow "${id}" of this application`,
    hint: 'Make one: `millrace replay <topology.ts> --shadow ID`. Kafka forgets one that is not used for seven days.',
  })

/** Deleting what is not there any more is no failure. */
async function gone(request: Promise<void>): Promise<void> {
  try {
    await request
  } catch (error) {
    const codes = ['UNKNOWN_TOPIC_OR_PARTITION', 'GROUP_ID_NOT_FOUND']
    if (!(error instanceof KafkaError) || !codes.includes(error.code)) throw error
  }
}
