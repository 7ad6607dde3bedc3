import type { Clock } from '../../core/clock.ts'
import { redriveHeader } from '../../core/dead-letter.ts'
import { StreamsError } from '../../core/errors.ts'
import { silentLogger } from '../../core/logger.ts'
import type { Random } from '../../core/random.ts'
import type { Offset } from '../../core/record.ts'
import { topicPartitionKey } from '../../core/topic-partition.ts'
import { listOffsetsRetrying } from '../../kafka/client/offsets.ts'
import { RecordProducer } from '../../kafka/client/producer.ts'
import { retrying, wasRefusedOrLost } from '../../kafka/client/retrying.ts'
import { KafkaError, type KafkaPort } from '../../kafka/port.ts'
import {
  failureTimeMs,
  letsThrough,
  storedDeadLetter,
  type DeadLetterFilter,
  type StoredDeadLetter,
} from '../dead-letters.ts'
import { readMerged } from '../read-merged.ts'
import { noCounts, RedriveChunk, type RedriveCounts, type Refusal } from './redrive-chunk.ts'
import { readRedriven, redriveGroup } from './redrive-progress.ts'
import type { RedrivenOffsets } from './redriven-offsets.ts'

const LOOKUP = { timeoutMs: 60_000 }
/** Readers of the source topics wait for as long when a run is killed. */
const TRANSACTION_TIMEOUT_MS = 30_000
/** A letter that has failed so often will fail again. */
const REDRIVES_MAX = 3
/** One's own request, come late, can shut one out; to be shut out again is another's doing. */
const FENCED_MAX = 2
/** In a row, without a letter sent in between. */
const FAILURES_MAX = 10
const PAUSE_INITIAL_MS = 100
const PAUSE_MAX_MS = 5_000

const metadataRetry = { initialMs: 20, maxMs: 500, timeoutMs: 60_000, cures: wasRefusedOrLost }

export interface RedriveDeps {
  readonly port: KafkaPort
  readonly clock: Clock
  readonly random?: Random
}

export interface RedriveOptions {
  readonly filter?: DeadLetterFilter
  /**
   * A redrive remembers under its id which letters it has sent, and never sends one twice; another
   * id knows of none.
   */
  readonly id?: string
  /** How many letters this run sends at most. */
  readonly limit?: number
  /** Letters a second at most. */
  readonly rate?: number
  /** A letter that was sent again as often is refused; 3 by default. */
  readonly redrivesMax?: number
  /** Letters that the filter leaves out count as done with. */
  readonly passOthers?: boolean
  /** Looks for what would be sent, and sends nothing. */
  readonly dryRun?: boolean
  /** Ends the run after what is being sent. */
  readonly signal?: AbortSignal
  readonly onProgress?: (soFar: RedriveSummary) => void
}

export interface RedriveSummary extends Readonly<RedriveCounts> {
  readonly group: string
  /** Where the letters went, by topic and partition. */
  readonly targets: readonly {
    readonly topic: string
    readonly partition: number
    readonly count: number
  }[]
}

/**
 * Sends dead letters to where they came from: same topic, partition, key, value, headers and
 * timestamp, in the order in which they stood there, and a header that counts how often. Each
 * letter once, whatever happens: what was sent is remembered in the transaction that sends it.
 *
 * Stops at the letters that are there now. Rejects with `TOPIC_MISSING`, and with `REDRIVE_STOPPED`
 * where another run of the same id took over; what was sent until then is remembered.
 */
export const redrive = (
  deps: RedriveDeps,
  topic: string,
  options: RedriveOptions = {},
): Promise<RedriveSummary> => new Redrive(deps, topic, options).run()

class Redrive {
  readonly #deps: RedriveDeps
  readonly #topic: string
  readonly #options: RedriveOptions
  readonly #group: string
  readonly #signal: AbortSignal
  readonly #counts = noCounts()
  readonly #targetCounts = new Map<string, { topic: string; partition: number; count: number }>()
  /** How many partitions a source topic has; undefined: it is not there. */
  readonly #sources = new Map<string, number | undefined>()
  /** Where the search goes on, by partition of the dead-letter topic. */
  readonly #next = new Map<number, Offset>()
  /** Its commit may or may not have come about. */
  #uncertain: RedriveChunk | undefined
  #beganAtMs = 0

  constructor(deps: RedriveDeps, topic: string, options: RedriveOptions) {
    this.#deps = deps
    this.#topic = topic
    this.#options = options
    this.#group = redriveGroup(topic, options.id)
    this.#signal = options.signal ?? new AbortController().signal
  }

  async run(): Promise<RedriveSummary> {
    const { clock } = this.#deps
    this.#beganAtMs = clock.nowMs()
    const ends = await this.#offsetsOf(await this.#partitions(), 'latest')
    let failures = 0
    let fenced = 0
    for (;;) {
      const before = this.#counts.redriven
      try {
        await this.#work(ends)
        return this.#summary()
      } catch (error) {
        failures = this.#counts.redriven > before ? 1 : failures + 1
        if (isFenced(error)) fenced += 1
        const isOver = isFenced(error) ? fenced >= FENCED_MAX : !mayPass(error)
        if (isOver || failures >= FAILURES_MAX) throw stopped(error)
      }
      await clock.sleep(Math.min(PAUSE_MAX_MS, PAUSE_INITIAL_MS * 2 ** failures), this.#signal)
      if (this.#signal.aborted) return this.#summary()
    }
  }

  async #partitions(): Promise<readonly number[]> {
    const { port, clock } = this.#deps
    const topics = await retrying(clock, metadataRetry, () => port.metadata([this.#topic]))
    const found = topics.get(this.#topic)
    if (found !== undefined) return found.partitions.map(({ id }) => id)
    throw new StreamsError('TOPIC_MISSING', {
      message: `there is no topic "${this.#topic}"`,
      hint: 'Check the name and the brokers.',
    })
  }

  async #offsetsOf(
    partitions: readonly number[],
    at: 'earliest' | 'latest',
  ): Promise<ReadonlyMap<number, Offset>> {
    const { port, clock } = this.#deps
    const asked = partitions.map((partition) => ({ topic: this.#topic, partition }))
    const found = await listOffsetsRetrying(port, clock, asked, at, 'read_committed', LOOKUP)
    return new Map(
      partitions.map((each) => [each, found.get(topicPartitionKey(this.#topic, each)) ?? 0]),
    )
  }

  /**
   * From what is committed to the end, with a producer of its own: its `init` ends what a run
   * before it has left open, and shuts that one out.
   */
  async #work(ends: ReadonlyMap<number, Offset>): Promise<void> {
    const { port, clock } = this.#deps
    const producer = this.#options.dryRun === true ? undefined : this.#producer()
    try {
      await producer?.init()
      const partitions = [...ends.keys()]
      const starts = await this.#offsetsOf(partitions, 'earliest')
      const redriven = await readRedriven(port, clock, this.#topic, partitions, this.#group)
      this.#settle(redriven)
      // What retention has taken needs no memory.
      for (const [partition, start] of starts) redriven.get(partition)!.add(0, start)
      await this.#sendAll(redriven, ends, producer)
    } finally {
      await producer?.close()
    }
  }

  /** An answer was lost: what is committed tells whether its letters were sent. */
  #settle(redriven: ReadonlyMap<number, RedrivenOffsets>): void {
    const chunk = this.#uncertain
    this.#uncertain = undefined
    const [first] = chunk?.done ?? []
    if (chunk === undefined || first === undefined) return
    if (redriven.get(first.partition)?.has(first.end - 1) === true) this.#took(chunk)
  }

  async #sendAll(
    redriven: ReadonlyMap<number, RedrivenOffsets>,
    ends: ReadonlyMap<number, Offset>,
    producer: RecordProducer | undefined,
  ): Promise<void> {
    const { limit = Infinity } = this.#options
    let chunk = new RedriveChunk()
    const left = (): number => limit - this.#counts.redriven - chunk.letters.length
    if (left() <= 0) return
    const next = new Map(
      [...redriven].map(([partition, { position }]) => [
        partition,
        Math.max(position, this.#next.get(partition) ?? 0),
      ]),
    )
    const letters = readMerged({
      ...this.#deps,
      topic: this.#topic,
      stretches: [...next].map(([partition, start]) => ({
        partition,
        start,
        end: ends.get(partition) ?? 0,
      })),
      read: storedDeadLetter,
      precedes: hasFailedBefore,
      signal: this.#signal,
    })
    for await (const letter of letters) {
      const { partition, offset } = letter.at
      const isDone = redriven.get(partition)!.has(offset)
      await this.#look(letter, isDone, next.get(partition) ?? 0, chunk)
      next.set(partition, offset + 1)
      chunk.next.set(partition, offset + 1)
      const isLast = left() <= 0
      if (isLast || chunk.isFull || chunk.letters.length >= this.#lettersAtOnce) {
        await this.#send(chunk, redriven, producer)
        chunk = new RedriveChunk()
      }
      if (isLast) return
    }
    if (!this.#signal.aborted) await this.#send(chunk, redriven, producer)
  }

  /** Into the chunk with it, or the reason why not. `from` is behind the letter before it. */
  async #look(
    letter: StoredDeadLetter,
    isDone: boolean,
    from: Offset,
    chunk: RedriveChunk,
  ): Promise<void> {
    const { filter = {}, passOthers = false } = this.#options
    const { partition, offset } = letter.at
    const done = { partition, start: from, end: offset + 1 }
    if (isDone) {
      chunk.counts.earlier += 1
    } else if (await letsThrough(filter, letter)) {
      const refusal = await this.#refusalOf(letter)
      if (refusal !== undefined) {
        chunk.counts.refused[refusal] += 1
        return
      }
      chunk.add(letter)
      chunk.done.push(done)
    } else {
      chunk.counts.others += 1
      if (passOthers) chunk.done.push(done)
    }
  }

  async #refusalOf(letter: StoredDeadLetter): Promise<Refusal | undefined> {
    const { topic, partition, redrives } = letter
    if (topic === '' || partition < 0) return 'no source'
    if (redrives >= (this.#options.redrivesMax ?? REDRIVES_MAX)) return 'sent too often'
    if (!this.#sources.has(topic)) {
      const { port, clock } = this.#deps
      const found = await retrying(clock, metadataRetry, () => port.metadata([topic]))
      this.#sources.set(topic, found.get(topic)?.partitions.length)
    }
    return partition < (this.#sources.get(topic) ?? 0) ? undefined : 'source is gone'
  }

  get #lettersAtOnce(): number {
    return Math.max(1, Math.ceil(this.#options.rate ?? Infinity))
  }

  /** All of it in one transaction, with the memory of it. */
  async #send(
    chunk: RedriveChunk,
    redriven: ReadonlyMap<number, RedrivenOffsets>,
    producer: RecordProducer | undefined,
  ): Promise<void> {
    if (chunk.done.length > 0 && producer !== undefined) {
      await this.#keepToRate()
      if (this.#signal.aborted) return
      // First, for it may fail, and then nothing is to be left half sent.
      for (const { partition, start, end } of chunk.done) redriven.get(partition)!.add(start, end)
      const offsets = [...new Set(chunk.done.map(({ partition }) => partition))].map(
        (partition) => {
          const { position, metadata } = redriven.get(partition)!.committed()
          return { topic: this.#topic, partition, offset: position, metadata }
        },
      )
      for (const letter of chunk.inSourceOrder()) send(producer, letter)
      const outside = { groupId: this.#group, memberId: '', generation: -1, instanceId: null }
      this.#uncertain = chunk
      await producer.commit(offsets, outside)
      this.#uncertain = undefined
    }
    this.#took(chunk)
  }

  async #keepToRate(): Promise<void> {
    const { rate } = this.#options
    if (rate === undefined) return
    const { clock } = this.#deps
    const dueMs = this.#beganAtMs + (this.#counts.redriven / rate) * 1_000
    await clock.sleep(Math.max(0, dueMs - clock.nowMs()), this.#signal)
  }

  #took(chunk: RedriveChunk): void {
    const { counts, letters, next } = chunk
    for (const [partition, offset] of next) this.#next.set(partition, offset)
    this.#counts.redriven += counts.redriven
    this.#counts.earlier += counts.earlier
    this.#counts.others += counts.others
    for (const reason of Object.keys(counts.refused) as Refusal[]) {
      this.#counts.refused[reason] += counts.refused[reason]
    }
    for (const { topic, partition } of letters) {
      const key = topicPartitionKey(topic, partition)
      const target = this.#targetCounts.get(key) ?? { topic, partition, count: 0 }
      target.count += 1
      this.#targetCounts.set(key, target)
    }
    this.#options.onProgress?.(this.#summary())
  }

  #summary(): RedriveSummary {
    const targets = [...this.#targetCounts.values()].map((each) => ({ ...each }))
    return {
      ...this.#counts,
      refused: { ...this.#counts.refused },
      group: this.#group,
      targets: targets.sort((a, b) =>
        a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1,
      ),
    }
  }

  #producer(): RecordProducer {
    return new RecordProducer({
      ...this.#deps,
      logger: silentLogger,
      transactionalId: this.#group,
      transactionTimeoutMs: TRANSACTION_TIMEOUT_MS,
      compression: 'none',
      lingerMs: 0,
      onProgress: () => {},
    })
  }
}

function send(producer: RecordProducer, letter: StoredDeadLetter): void {
  const { topic, partition, timestampMs, key, value, headers, redrives } = letter
  const count = Buffer.from(String(redrives + 1))
  // Records older than timestamps have none, which is -1, and which no producer may write.
  const writtenMs = Math.max(0, timestampMs)
  producer.send(topic, partition, writtenMs, key, value, [...headers, [redriveHeader, count]])
}

const hasFailedBefore = (one: StoredDeadLetter, other: StoredDeadLetter): boolean =>
  one.topic === other.topic && one.partition === other.partition
    ? one.offset < other.offset
    : failureTimeMs(one) < failureTimeMs(other)

const isFenced = (error: unknown): error is KafkaError =>
  error instanceof KafkaError && error.kind === 'fenced'

const mayPass = (error: unknown): boolean =>
  error instanceof KafkaError &&
  ['retriable', 'network', 'stale-metadata', 'abortable'].includes(error.kind)

/** In words for the person who started it. */
function stopped(error: unknown): unknown {
  if (isFenced(error)) {
    return new StreamsError('REDRIVE_STOPPED', {
      message: `another redrive of the same id has taken over: ${error.message}`,
      hint: 'Let that one finish, or give this one another --id.',
      cause: error,
    })
  }
  return error
}
