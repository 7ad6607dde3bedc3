import type { Clock } from '../../core/clock.ts'
import { StreamsError } from '../../core/errors.ts'
import type { Random } from '../../core/random.ts'
import type { Offset } from '../../core/record.ts'
import { topicPartitionKey, type TopicPartition } from '../../core/topic-partition.ts'
import { fetchCommittedOffsets } from '../../kafka/client/offsets.ts'
import { retrying, wasRefusedOrLost } from '../../kafka/client/retrying.ts'
import type { FetchedOffset, KafkaPort, TopicMetadata } from '../../kafka/port.ts'
import { readPartitionPlan } from '../../runtime/assignment/partition-plan.ts'
import { parseCommitMetadata } from '../../runtime/task/commit-metadata.ts'
import { outputTopics } from '../../topology/shadow.ts'
import type { Topology } from '../../topology/topology.ts'
import { replayScope, type ReplayScope } from './replay-scope.ts'
import { findTargets, type ReplayTo } from './replay-target.ts'

/** An open transaction over the offsets is waited for as long as it may live. */
const STABLE = { timeoutMs: 120_000 }
export const patience = { initialMs: 20, maxMs: 500, timeoutMs: 60_000, cures: wasRefusedOrLost }

export interface ReplayDeps {
  readonly port: KafkaPort
  readonly clock: Clock
  readonly random: Random
  readonly topology: Topology
  readonly applicationId: string
}

export interface ReplayOptions {
  readonly to: ReplayTo
  /** `topic` or `topic:partition`; all input where left out. */
  readonly topics?: readonly string[]
  /** Only offsets are set: stores and what is between the steps stay as they are. */
  readonly keepState?: boolean
  /**
   * Also removes what the topology has written, its dead letters too, for it will be written again;
   * with all input from its beginning only.
   */
  readonly emptyOutputs?: boolean
}

export interface ReplayedPartition extends TopicPartition {
  /** What is committed; null: nothing is. */
  readonly from: Offset | null
  readonly to: Offset
  /** What was asked for lies outside of the partition, so this is its nearest end. */
  readonly isClamped: boolean
}

/** What a replay will do, in full. */
export interface ReplayPlan extends Omit<ReplayScope, 'inputs'> {
  readonly applicationId: string
  /** Names the replay and the state that it leaves; later ones are greater. */
  readonly id: string
  readonly partitions: readonly ReplayedPartition[]
  readonly keepsState: boolean
  /** Topics whose records are removed. */
  readonly outputs: readonly string[]
  /** A replay that was interrupted: this one goes on where it was. */
  readonly isResumed: boolean
}

/**
 * Looks up where every partition is and where it goes, and changes nothing. Rejects with
 * `INVALID_CONFIG` for what cannot be replayed so, `REPLAY_UNFINISHED` for what would leave out a
 * part of one that was interrupted, and `TOPIC_MISSING`.
 */
export async function planReplay(deps: ReplayDeps, options: ReplayOptions): Promise<ReplayPlan> {
  const { clock, random, topology, applicationId } = deps
  const { topics, keepState = false, emptyOutputs = false } = options
  checkCombination(options)
  const plan = await readPartitionPlan(deps)
  const scope = replayScope({ topology, applicationId, plan, topics, keepsState: keepState })
  const all = await readCommitted(
    deps,
    plan.tasks.flatMap((task) => task.sources),
  )
  const isResumed = refuseToLeaveHalf(all, scope, keepState)
  const inputs = scope.inputs.map((input) => {
    const { offset, isFresh } = all.get(keyOf(input))!
    return { ...input, from: isFresh ? null : offset }
  })
  const targets = await findTargets(deps, options.to, inputs)
  const internal = [...scope.changelogs, ...scope.repartitions.map(({ topic }) => topic)]
  const exists = await existing(deps, internal)
  const suffix = Math.floor(random() * 36 ** 4).toString(36)
  return {
    stores: scope.stores,
    changelogs: scope.changelogs.filter((topic) => exists.has(topic)),
    repartitions: scope.repartitions.filter(({ topic }) => exists.has(topic)),
    applicationId,
    id: `${new Date(clock.nowMs()).toISOString()}-${suffix.padStart(4, '0')}`,
    partitions: inputs.map((input) => {
      const { offset, isClamped } = targets.get(keyOf(input))!
      return { ...input, to: offset, isClamped }
    }),
    keepsState: keepState,
    outputs: emptyOutputs ? await outputsOf(deps) : [],
    isResumed,
  }
}

/** What is not there yet has nothing to be taken back. */
async function existing(
  { port, clock }: ReplayDeps,
  topics: readonly string[],
): Promise<ReadonlyMap<string, TopicMetadata>> {
  if (topics.length === 0) return new Map()
  return await retrying(clock, patience, () => port.metadata(topics))
}

const keyOf = ({ topic, partition }: TopicPartition): string => topicPartitionKey(topic, partition)

/** What is committed for a partition, and what its metadata says. */
export interface Committed extends FetchedOffset {
  readonly replay: string
  /** Nothing was committed, but for the mark of a replay. */
  readonly isFresh: boolean
}

export async function readCommitted(
  { port, clock, applicationId }: ReplayDeps,
  partitions: readonly TopicPartition[],
): Promise<ReadonlyMap<string, Committed>> {
  const found = await fetchCommittedOffsets(port, clock, applicationId, partitions, STABLE)
  return new Map(
    found.map((each) => {
      const { replay, isFresh } = parseCommitMetadata(each.metadata)
      return [keyOf(each), { ...each, replay, isFresh: isFresh || each.offset === null }]
    }),
  )
}

function checkCombination({ to, topics, keepState, emptyOutputs }: ReplayOptions): void {
  if (emptyOutputs !== true) return
  if (keepState !== true && topics === undefined && to === 'earliest') return
  throw new StreamsError('INVALID_CONFIG', {
    message: 'outputs are emptied only where all of them are written again',
    hint: 'Leave --empty-outputs out, or replay all input from its beginning: --to-earliest, without --topics and --keep-state.',
  })
}

/** True where a replay was interrupted that this one covers. */
function refuseToLeaveHalf(
  all: ReadonlyMap<string, Committed>,
  scope: ReplayScope,
  keepsState: boolean,
): boolean {
  const covered = new Set([...scope.inputs, ...scope.repartitions].map(keyOf))
  const marked = [...all.values()].filter(({ replay }) => replay !== '')
  const leftOut = marked.find((each) => keepsState || !covered.has(keyOf(each)))
  if (leftOut === undefined) return marked.length > 0
  throw new StreamsError('REPLAY_UNFINISHED', {
    message: `replay ${leftOut.replay} has not ended, and ${keyOf(leftOut)} is a part of it`,
    hint: 'Run it again as it was, without --keep-state and with its topics: it goes on where it was.',
  })
}

/** The topics that the topology always writes to, which exist, and its dead letters. */
async function outputsOf(deps: ReplayDeps): Promise<readonly string[]> {
  const { port, clock } = deps
  const outputs = [...(await existing(deps, outputTopics(deps.topology))).keys()].sort()
  if (outputs.length === 0) return []
  const configs = await retrying(clock, patience, () => port.describeConfigs(outputs))
  for (const topic of outputs) {
    const policy = configs.get(topic)?.['cleanup.policy'] ?? ''
    if (policy.split(',').includes('delete')) continue
    throw new StreamsError('INVALID_CONFIG', {
      message: `topic "${topic}" cannot be emptied: its cleanup.policy is ${policy}`,
      hint: 'Leave --empty-outputs out: a compacted topic keeps the latest value of a key, which is written again.',
    })
  }
  return outputs
}
