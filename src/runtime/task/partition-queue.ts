import type { Meta, Offset, RawRecord } from '../../core/record.ts'
import type { RecordMeta } from '../../core/record-meta.ts'
import { isStreamsError, StreamsError } from '../../core/errors.ts'
import type { RecordRun } from '../../kafka/client/record-run.ts'
import type { Clock } from '../../core/clock.ts'
import type { Deserializer } from '../../serde/serde.ts'
import type { ExtractionTime, SourceNode, TimestampExtractor } from '../../topology/graph.ts'

/** Where a task pulls its input from; pulling is the back-pressure. */
export interface RecordSupply {
  readonly take: (topic: string, partition: number) => RecordRun | undefined
  /**
   * Whether the broker is known to hold, or may hold, more committed records from this position.
   */
  readonly mayHaveMore: (topic: string, partition: number, position: Offset) => boolean
  /** What a partition waited for is there: the loop may look again. */
  readonly wake: () => void
  /** When the broker was last heard of, by the wall clock; -1: never. */
  readonly heardMs: (topic: string, partition: number) => number
}

export interface PartitionQueueOptions {
  readonly topic: string
  readonly partition: number
  readonly source: SourceNode
  /** The next offset to process. */
  readonly position: Offset
  readonly partitionTimeMs: number
  readonly supply: RecordSupply
  readonly meta: RecordMeta
  readonly clock: Clock
}

/** Read when it is asked for: most extractors never do. */
const timeOf = (queue: PartitionQueue, clock: Clock): ExtractionTime => ({
  get partitionTimeMs() {
    return queue.partitionTimeMs
  },
  get wallClockMs() {
    return clock.nowMs()
  },
})

/**
 * The input of a task from one partition. It holds one decoded record, the head, so that a task can
 * pick the smallest timestamp; everything behind it stays encoded.
 */
export class PartitionQueue {
  readonly topic: string
  readonly partition: number
  readonly source: SourceNode
  readonly #supply: RecordSupply
  readonly #meta: RecordMeta
  readonly #asks: boolean
  readonly #time: ExtractionTime
  #run: RecordRun | undefined
  /** The run stands at a record that cannot be read before something else is known. */
  #isWaiting = false
  #isAnswered = false
  #waitFailure: unknown
  #position: Offset
  #partitionTimeMs: number
  hasHead = false
  headKey: unknown = null
  headValue: unknown = null
  headTimestampMs = 0
  /** Why the head could not be read; undefined for a good one. */
  headError: StreamsError | undefined
  /** The source's extractor gave a negative timestamp, which asks to leave the record out. */
  headIsUnwanted = false

  constructor(options: PartitionQueueOptions) {
    const { topic, partition, source, position, partitionTimeMs, supply, meta, clock } = options
    this.topic = topic
    this.partition = partition
    this.source = source
    this.#position = position
    this.#partitionTimeMs = partitionTimeMs
    this.#supply = supply
    this.#meta = meta
    this.#asks = source.key.remote !== undefined || source.value.remote !== undefined
    this.#time = timeOf(this, clock)
  }

  /** The next offset to process: what a commit writes. */
  get position(): Offset {
    return this.#position
  }

  /** The largest timestamp of the records that were processed; -1 before the first one. */
  get partitionTimeMs(): number {
    return this.#partitionTimeMs
  }

  get run(): RecordRun {
    return this.#run as RecordRun
  }

  /** Makes sure there is a head if a record has arrived. */
  fill(): boolean {
    if (this.#isWaiting && !this.#resumes()) return false
    while (!this.hasHead) {
      if (this.#run === undefined) {
        this.#run = this.#supply.take(this.topic, this.partition)
        if (this.#run === undefined) return false
      }
      if (this.#run.next()) {
        if (this.#asks && this.#mustWait(this.#run)) return false
        this.#decode(this.#run)
      } else {
        // Markers, aborted records and gaps at the end are passed, so that lag comes down to zero.
        this.#position = Math.max(this.#position, this.#run.endOffset)
        this.#run = undefined
      }
    }
    return true
  }

  /** Whether a schema has to be fetched first, which then is under way. */
  #mustWait(run: RecordRun): boolean {
    const { key, value } = this.source
    const waiting = askedFor(key, run.key) ?? askedFor(value, run.value)
    if (waiting === undefined) return false
    this.#isWaiting = true
    this.#isAnswered = false
    waiting
      .catch((error: unknown) => {
        this.#waitFailure = error
      })
      .finally(() => {
        this.#isAnswered = true
        this.#supply.wake()
      })
    return true
  }

  /** Throws why the schema could not be fetched. */
  #resumes(): boolean {
    if (!this.#isAnswered) return false
    const failure = this.#waitFailure
    this.#waitFailure = undefined
    if (failure !== undefined) throw failure
    this.#isWaiting = false
    if (this.#mustWait(this.run)) return false
    this.#decode(this.run)
    return true
  }

  /** The head is processed. */
  pass(): void {
    this.#position = this.run.offset + 1
    if (this.headError === undefined && this.headTimestampMs > this.#partitionTimeMs) {
      this.#partitionTimeMs = this.headTimestampMs
    }
    this.hasHead = false
    this.headKey = null
    this.headValue = null
    this.headError = undefined
    this.headIsUnwanted = false
  }

  /** Reading goes on from elsewhere: what was committed is no longer in the topic. */
  moveTo(position: Offset): void {
    this.#position = position
  }

  /** Whether it is empty although the broker has more: the task should wait for it. */
  isLagging(): boolean {
    if (this.fill()) return false
    return this.#isWaiting || this.#supply.mayHaveMore(this.topic, this.partition, this.#position)
  }

  /** Until when it is known that there was nothing to read; -1: there is something, or may be. */
  idleUntilMs(): number {
    if (this.fill() || this.isLagging()) return -1
    return this.#supply.heardMs(this.topic, this.partition)
  }

  /** The head as it was read, for a dead letter; valid until it is passed. */
  rawHead(): RawRecord {
    const { offset, timestampMs, key, value, headers } = this.run
    return {
      topic: this.topic,
      partition: this.partition,
      offset,
      timestampMs,
      key,
      value,
      headers,
    }
  }

  #decode(run: RecordRun): void {
    this.hasHead = true
    this.headTimestampMs = run.timestampMs
    const { key, value, timestamp } = this.source
    try {
      this.headKey = run.key === null ? null : key.deserialize(run.key)
      this.headValue = run.value === null ? null : value.deserialize(run.value)
      if (timestamp !== undefined) {
        this.headTimestampMs = this.#extract(timestamp, run)
        this.headIsUnwanted = this.headTimestampMs < 0
      } else if (run.timestampMs < 0) {
        throw new RangeError('the record has no timestamp')
      }
    } catch (error) {
      this.headTimestampMs = Math.max(0, run.timestampMs)
      this.headError = isStreamsError(error) ? error : this.#unreadable(error, run.offset)
    }
  }

  #extract(timestamp: TimestampExtractor, run: RecordRun): number {
    this.#meta.from(this.topic, this.partition, run.offset)
    const meta = this.#meta.at(this.headKey, run.timestampMs, run.headers)
    const timestampMs = timestamp(this.headValue as never, meta as Meta as Meta<never>, this.#time)
    if (Number.isSafeInteger(timestampMs)) return timestampMs
    throw new RangeError(`the timestamp extractor gave ${timestampMs}, not whole milliseconds`)
  }

  #unreadable(cause: unknown, offset: Offset): StreamsError {
    return new StreamsError('SERDE_FAILED', {
      message: `the record at ${this.topic}-${this.partition} offset ${offset} cannot be read`,
      hint: "Check the topic's serdes and timestamp extractor, or send such records to a dead-letter topic.",
      cause,
    })
  }
}

/** Bytes that are no record of the serde are for `deserialize` to complain of. */
function askedFor(
  { remote }: Deserializer<unknown>,
  bytes: Uint8Array | null,
): Promise<void> | undefined {
  if (remote === undefined || bytes === null) return undefined
  try {
    return remote.ready(bytes)
  } catch {
    return undefined
  }
}
