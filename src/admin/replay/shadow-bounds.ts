import { StreamsError } from '../../core/errors.ts'
import type { Offset } from '../../core/record.ts'
import { topicPartitionKey, type TopicPartition } from '../../core/topic-partition.ts'
import { fetchCommittedOffsets, listOffsetsRetrying } from '../../kafka/client/offsets.ts'
import { retrying } from '../../kafka/client/retrying.ts'
import { patience, readCommitted, type ReplayDeps } from './plan-replay.ts'

const LOOKUP = { timeoutMs: 60_000 }
const STABLE = { timeoutMs: 120_000 }
/** How often a busy application is looked at for a moment in which nothing moves. */
const LOOKS_MAX = 50
const LOOK_AGAIN_AFTER_MS = 20

/** An input partition, and which part of it a shadow reads. */
export interface ShadowInput extends TopicPartition {
  readonly start: Offset
  /** Where the application stood; exclusive. */
  readonly until: Offset
}

/** A partition that the application writes, and where it ended when it stood there. */
export interface ShadowOutput extends TopicPartition {
  readonly until: Offset
}

export interface ShadowBounds {
  readonly inputs: readonly ShadowInput[]
  readonly outputs: readonly ShadowOutput[]
}

/**
 * The group that remembers what a shadow reads and what it is compared with, as committed offsets;
 * it never has members.
 */
export const boundsGroup = (shadow: string): string => `${shadow}.until`

const START = /^start=(\d+)$/

/** One request, so that all of it is remembered or nothing. */
export async function writeBounds(
  { port, clock }: ReplayDeps,
  shadow: string,
  { inputs, outputs }: ShadowBounds,
): Promise<void> {
  const groupId = boundsGroup(shadow)
  const outside = { groupId, memberId: '', generation: -1, instanceId: null }
  const offsets = [
    ...inputs.map(({ topic, partition, start, until }) => ({
      topic,
      partition,
      offset: until,
      metadata: `start=${start}`,
    })),
    ...outputs.map(({ topic, partition, until }) => ({
      topic,
      partition,
      offset: until,
      metadata: '',
    })),
  ]
  await retrying(clock, patience, () => port.offsetCommit(outside, offsets))
}

/** Undefined where there is no such shadow. */
export async function readBounds(
  { port, clock }: ReplayDeps,
  shadow: string,
  partitions: readonly TopicPartition[],
): Promise<ShadowBounds | undefined> {
  const found = await fetchCommittedOffsets(port, clock, boundsGroup(shadow), partitions, STABLE)
  const inputs: ShadowInput[] = []
  const outputs: ShadowOutput[] = []
  for (const { topic, partition, offset, metadata } of found) {
    if (offset === null) continue
    const start = START.exec(metadata)?.[1]
    if (start === undefined) outputs.push({ topic, partition, until: offset })
    else inputs.push({ topic, partition, start: Number(start), until: offset })
  }
  return inputs.length === 0 ? undefined : { inputs, outputs }
}

/** Where an application stands. */
export interface Standing {
  /** What it has read, by `topicPartitionKey`; the end of a partition that it has not begun. */
  readonly inputs: ReadonlyMap<string, Offset>
  /** What it had written by then. */
  readonly outputs: ReadonlyMap<string, Offset>
  /** Whether both are of one moment. */
  readonly isExact: boolean
}

/**
 * Looks for a moment in which positions and outputs are of one piece: no transaction is open over
 * the outputs, and the positions are the same before and after. While the application is busy there
 * may be none.
 */
export async function readStanding(
  deps: ReplayDeps,
  inputs: readonly TopicPartition[],
  outputs: readonly TopicPartition[],
): Promise<Standing> {
  for (let look = 1; ; look += 1) {
    const before = await positions(deps, inputs)
    const stable = await endsOf(deps, outputs, 'read_committed')
    const ends = await endsOf(deps, outputs, 'read_uncommitted')
    const after = await positions(deps, inputs)
    const isExact = isSame(before, after) && isSame(stable, ends)
    if (isExact || look === LOOKS_MAX) return { inputs: after, outputs: stable, isExact }
    await deps.clock.sleep(LOOK_AGAIN_AFTER_MS)
  }
}

async function positions(
  deps: ReplayDeps,
  inputs: readonly TopicPartition[],
): Promise<ReadonlyMap<string, Offset>> {
  const [committed, ends] = await Promise.all([
    readCommitted(deps, inputs),
    endsOf(deps, inputs, 'read_committed'),
  ])
  const half = [...committed.values()].find(({ replay }) => replay !== '')
  if (half !== undefined) {
    throw new StreamsError('REPLAY_UNFINISHED', {
      message: `replay ${half.replay} of application "${deps.applicationId}" has not ended, so it stands nowhere`,
      hint: 'Run it again, then make the shadow.',
    })
  }
  return new Map(
    [...committed].map(([key, { offset, isFresh }]) => [
      key,
      isFresh || offset === null ? (ends.get(key) ?? 0) : offset,
    ]),
  )
}

export async function endsOf(
  { port, clock }: ReplayDeps,
  partitions: readonly TopicPartition[],
  isolation: 'read_committed' | 'read_uncommitted',
): Promise<ReadonlyMap<string, Offset>> {
  const found = await listOffsetsRetrying(port, clock, partitions, 'latest', isolation, LOOKUP)
  return new Map(
    partitions.map(({ topic, partition }) => {
      const key = topicPartitionKey(topic, partition)
      return [key, found.get(key) ?? 0]
    }),
  )
}

const isSame = (one: ReadonlyMap<string, Offset>, other: ReadonlyMap<string, Offset>): boolean =>
  [...one].every(([key, offset]) => other.get(key) === offset)
