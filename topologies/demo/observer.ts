import type { Clock } from '../../src/core/clock.ts'
import { silentLogger } from '../../src/core/logger.ts'
import { topicPartitionKey, type TopicPartition } from '../../src/core/topic-partition.ts'
import { Fetcher } from '../../src/kafka/client/fetcher.ts'
import type { RecordRun } from '../../src/kafka/client/record-run.ts'
import type { KafkaPort } from '../../src/kafka/port.ts'
import type { CaseStudy, Follower } from './case-study.ts'

/** A record as the screen shows it. */
export interface ShownRecord {
  readonly topic: string
  readonly key: string
  readonly text: string
}

export interface Seen {
  /** How many records of each output. */
  readonly counts: ReadonlyMap<string, number>
  /** Input records not yet processed and committed; undefined while Kafka cannot tell. */
  readonly lag: number | undefined
  /** All that was written by the time of `lag` has been seen, also what was not decided then. */
  readonly isCaughtUp: boolean
  /** The last few of each topic. */
  readonly latest: readonly ShownRecord[]
}

export const nothingSeen: Seen = {
  counts: new Map(),
  lag: undefined,
  isCaughtUp: false,
  latest: [],
}

/** Follows what comes out as any other consumer would: committed records only. */
export class Observer {
  readonly #port: KafkaPort
  readonly #study: CaseStudy
  readonly #follower: Follower
  readonly #inputs: readonly TopicPartition[]
  readonly #outputs: readonly TopicPartition[]
  readonly #fetcher: Fetcher
  /** Up to where each output has been read. */
  readonly #positions = new Map<string, number>()
  readonly #counts = new Map<string, number>()
  readonly #latest = new Map<string, ShownRecord[]>()

  constructor(
    port: KafkaPort,
    clock: Clock,
    study: CaseStudy,
    partitions: number,
    follower: Follower,
  ) {
    const { inputs, loops, internal, outputs } = study
    this.#port = port
    this.#study = study
    this.#follower = follower
    this.#inputs = partitionsOf([...inputs, ...loops, ...internal], partitions)
    this.#outputs = partitionsOf([...loops, ...outputs.map(({ topic }) => topic)], partitions)
    this.#fetcher = new Fetcher({
      port,
      clock,
      logger: silentLogger,
      isolation: 'read_committed',
      onArrival: () => {},
    })
  }

  /** Begins with what is written from now on. */
  async start(): Promise<void> {
    const ends = await this.#port.listOffsets(this.#outputs, 'latest', 'read_committed')
    for (const { topic, partition } of this.#outputs) {
      const key = topicPartitionKey(topic, partition)
      const end = ends.get(key) ?? 0
      this.#positions.set(key, end)
      this.#fetcher.assign(topic, partition, end)
    }
  }

  async look(): Promise<Seen> {
    const lag = await this.#readLag()
    const ends = await this.#readEnds()
    for (const { topic, partition } of this.#outputs) {
      for (let run = this.#fetcher.take(topic, partition); run !== undefined;) {
        while (run.next()) this.#see(topic, run)
        this.#positions.set(topicPartitionKey(topic, partition), run.endOffset)
        run = this.#fetcher.take(topic, partition)
      }
    }
    const isBehind = [...this.#positions].some(([key, at]) => at < (ends?.get(key) ?? Infinity))
    return {
      counts: this.#counts,
      lag,
      isCaughtUp: !isBehind,
      latest: this.#study.outputs.flatMap(({ topic }) => this.#latest.get(topic) ?? []),
    }
  }

  #see(topic: string, { key: keyBytes, value, headers }: RecordRun): void {
    this.#counts.set(topic, (this.#counts.get(topic) ?? 0) + 1)
    const key = Buffer.from(keyBytes ?? []).toString()
    const record = { key, value: Buffer.from(value ?? []).toString(), headers }
    this.#follower.saw(topic, record)
    const output = this.#study.outputs.find((each) => each.topic === topic)
    if (output === undefined || output.shown === 0) return
    const shown = this.#latest.get(topic) ?? []
    shown.push({ topic, key, text: output.inWords(record) })
    if (shown.length > output.shown) shown.shift()
    this.#latest.set(topic, shown)
  }

  /** With what is not decided yet: the markers of a commit reach the outputs one after another. */
  async #readEnds(): Promise<ReadonlyMap<string, number | null> | undefined> {
    try {
      return await this.#port.listOffsets(this.#outputs, 'latest', 'read_uncommitted')
    } catch {
      return undefined
    }
  }

  /** Also right while nobody is a member of the group. */
  async #readLag(): Promise<number | undefined> {
    try {
      const [ends, committed] = await Promise.all([
        this.#port.listOffsets(this.#inputs, 'latest', 'read_committed'),
        this.#port.offsetFetch(this.#study.topology.name, this.#inputs, false),
      ])
      return committed.reduce((lag, { topic, partition, offset }) => {
        const end = ends.get(topicPartitionKey(topic, partition)) ?? 0
        return lag + Math.max(0, end - (offset ?? 0))
      }, 0)
    } catch {
      // A coordinator that is just starting. The lag of a moment ago may be from before the input.
      return undefined
    }
  }

  close(): Promise<void> {
    return this.#fetcher.close()
  }
}

export const partitionsOf = (
  topics: readonly string[],
  partitions: number,
): readonly TopicPartition[] =>
  topics.flatMap((topic) =>
    Array.from({ length: partitions }, (_, partition) => ({ topic, partition })),
  )
