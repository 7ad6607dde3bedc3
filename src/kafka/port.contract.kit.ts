/** What the contract of the port and the tests of `kafka/client` write and read with. */
import type { Clock } from '../core/clock.ts'
import { systemRandom } from '../core/random.ts'
import type { Headers, Offset, RawRecord } from '../core/record.ts'
import { topicPartitionKey, type TopicPartition } from '../core/topic-partition.ts'
import { KafkaError, type FetchedPartition, type Isolation, type KafkaPort } from './port.ts'
import { controlKind, readBatchHeader, RecordCursor } from './wire/batch-reader.ts'

/** A cluster as one adapter sees it. */
export interface ContractCluster extends AsyncDisposable {
  /** Waits are by this clock, so that a simulated cluster needs no real time. */
  readonly clock: Clock
  /** A connected client with connections of its own; the cluster closes it when disposed. */
  readonly port: (clientId: string) => Promise<KafkaPort>
  readonly createTopic: (
    name: string,
    partitions: number,
    configs?: Readonly<Record<string, string>>,
  ) => Promise<void>
  /** How many brokers answer; what needs a second one is skipped where there is none. */
  readonly brokers: number
  /** Has the log cleaner go over the topic; what needs it is skipped where it cannot be had. */
  readonly forceCompaction?: (topic: string) => Promise<void>
}

const PAUSE_INITIAL_MS = 2
const PAUSE_MAX_MS = 100
const PATIENCE_MS = 30_000

export const bytes = (text: string): Uint8Array => Buffer.from(text)

export const text = (value: Uint8Array | null): string | null =>
  value === null ? null : Buffer.from(value).toString()

let names = 0

/** A name that no other test, and no earlier run on the same cluster, uses. */
export function uniqueName(what: string): string {
  names += 1
  return `${what}-${Math.floor(systemRandom() * 1e9).toString(36)}-${names}`
}

/** Repeats what was refused for now, as every client must: after a pause, for a while. */
export async function retried<T>(clock: Clock, attempt: () => Promise<T>): Promise<T> {
  const deadlineMs = clock.nowMs() + PATIENCE_MS
  for (let pauseMs = PAUSE_INITIAL_MS; ; pauseMs = Math.min(pauseMs * 2, PAUSE_MAX_MS)) {
    try {
      return await attempt()
    } catch (error) {
      const isPassing =
        error instanceof KafkaError &&
        (error.kind === 'retriable' || error.kind === 'stale-metadata')
      if (!isPassing || clock.nowMs() > deadlineMs) throw error
      await clock.sleep(pauseMs)
    }
  }
}

/** How a request was refused, for whole-value assertions. */
export async function refusalOf(
  attempt: Promise<unknown>,
): Promise<Pick<KafkaError, 'code' | 'kind'> | 'accepted'> {
  try {
    await attempt
    return 'accepted'
  } catch (error) {
    if (error instanceof KafkaError) return { code: error.code, kind: error.kind }
    throw error
  }
}

export async function leaderOf(port: KafkaPort, topic: string, partition = 0): Promise<number> {
  const metadata = await port.metadata([topic])
  const leader = metadata.get(topic)?.partitions.find(({ id }) => id === partition)?.leader ?? -1
  if (leader >= 0) return leader
  throw new KafkaError('LEADER_NOT_AVAILABLE', 'stale-metadata', `nobody leads ${topic}`)
}

export async function endOffset(
  port: KafkaPort,
  topic: string,
  isolation: Isolation = 'read_committed',
  partition = 0,
): Promise<Offset | null> {
  const ends = await port.listOffsets([{ topic, partition }], 'latest', isolation)
  return ends.get(topicPartitionKey(topic, partition)) ?? null
}

export interface FetchHow {
  readonly partition?: number
  readonly isolation?: Isolation
  readonly maxBytes?: number
  readonly maxWaitMs?: number
}

/** One fetch of one partition from its leader; throws the error of the partition. */
export async function fetchOnce(
  port: KafkaPort,
  topic: string,
  offset: Offset,
  how: FetchHow = {},
): Promise<FetchedPartition> {
  const { partition = 0, isolation = 'read_committed', maxBytes = 1 << 20 } = how
  const leader = await leaderOf(port, topic, partition)
  const [fetched] = await port.fetch(leader, [{ topic, partition, offset, maxBytes }], {
    isolation,
    maxWaitMs: how.maxWaitMs ?? 500,
    minBytes: 1,
    maxBytes,
  })
  if (fetched === undefined) throw new Error('a fetch answers for the partition it asked for')
  if (fetched.error !== null) throw fetched.error
  return fetched
}

export interface FetchedBatch {
  readonly baseOffset: Offset
  readonly lastOffset: Offset
  readonly producerId: number
  readonly transactional: boolean
  readonly control: 'commit' | 'abort' | null
  readonly records: readonly Omit<RawRecord, keyof TopicPartition>[]
}

/** The whole batches of a fetch. */
export function batchesOf({ batches }: Pick<FetchedPartition, 'batches'>): FetchedBatch[] {
  const found: FetchedBatch[] = []
  for (let at = 0; ;) {
    const header = readBatchHeader(batches, at)
    if (header === undefined) return found
    const cursor = new RecordCursor(batches, at, header)
    const records: FetchedBatch['records'][number][] = []
    while (cursor.next()) {
      const { offset, timestampMs, key, value, headers } = cursor
      records.push({ offset, timestampMs, key, value, headers })
    }
    const { baseOffset, lastOffset, producerId, transactional } = header
    const control = header.control ? (controlKind(batches, at) ?? null) : null
    found.push({ baseOffset, lastOffset, producerId, transactional, control, records })
    at += header.batchBytes
  }
}

/**
 * The read-committed filter as small as it can be, the measure of every other one: of each producer
 * what lies between the start of an aborted transaction and its marker is left out.
 */
export function committedOf(fetched: FetchedPartition): FetchedBatch['records'][number][] {
  const starts = fetched.aborted.toSorted((left, right) => left.firstOffset - right.firstOffset)
  const aborting = new Set<number>()
  return batchesOf(fetched).flatMap((batch) => {
    while (starts[0] !== undefined && starts[0].firstOffset <= batch.lastOffset) {
      aborting.add(starts.shift()!.producerId)
    }
    if (batch.control === 'abort') aborting.delete(batch.producerId)
    const isHidden =
      batch.control !== null || (batch.transactional && aborting.has(batch.producerId))
    return isHidden ? [] : batch.records
  })
}

export interface ReadPartition {
  readonly records: readonly FetchedBatch['records'][number][]
  /** Of the records. */
  readonly values: readonly (string | null)[]
  readonly batches: readonly FetchedBatch[]
  readonly fetches: number
}

/** Everything from an offset to the end as it was at the start, fetch by fetch. */
export async function readAll(
  port: KafkaPort,
  topic: string,
  how: FetchHow & { readonly from?: Offset } = {},
): Promise<ReadPartition> {
  const isolation = how.isolation ?? 'read_committed'
  const end = (await endOffset(port, topic, isolation, how.partition)) ?? 0
  const records: FetchedBatch['records'][number][] = []
  const batches: FetchedBatch[] = []
  let fetches = 0
  let position = how.from ?? 0
  while (position < end) {
    const fetched = await fetchOnce(port, topic, position, how)
    const seen = batchesOf(fetched)
    const shown =
      isolation === 'read_committed'
        ? committedOf(fetched)
        : seen.flatMap((batch) => (batch.control === null ? batch.records : []))
    records.push(...shown.filter(({ offset }) => offset >= position))
    batches.push(...seen)
    fetches += 1
    const next = (seen.at(-1)?.lastOffset ?? position - 1) + 1
    if (next <= position) throw new Error(`the reader is stuck at offset ${position}`)
    position = next
  }
  return { records, values: records.map(({ value }) => text(value)), batches, fetches }
}

export interface TestRecord {
  readonly key?: Uint8Array | null
  readonly value?: Uint8Array | null
  readonly headers?: Headers
  readonly timestampMs?: number
}
