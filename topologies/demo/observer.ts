import type { Clock } from '../../src/core/clock.ts'
import { deadLetterHeader } from '../../src/core/dead-letter.ts'
import { silentLogger } from '../../src/core/logger.ts'
import { headerText } from '../../src/core/record.ts'
import { topicPartitionKey, type TopicPartition } from '../../src/core/topic-partition.ts'
import { Fetcher } from '../../src/kafka/client/fetcher.ts'
import type { RecordRun } from '../../src/kafka/client/record-run.ts'
import type { KafkaPort } from '../../src/kafka/port.ts'
import { events, failed, refused } from '../orders.ts'
import { orderDecider } from '../orders/decider.ts'
import type { Order, OrderEvent } from '../orders/model.ts'
import { eventInWords, refusalInWords } from './words.ts'

/** A record as the screen shows it. */
export interface ShownRecord {
  readonly topic: string
  readonly key: string
  readonly text: string
}

export interface Seen {
  readonly events: number
  readonly rejected: number
  readonly deadLetters: number
  /** Input records not yet processed and committed; undefined while Kafka cannot tell. */
  readonly lag: number | undefined
  /** How many orders are in which state, by the events. */
  readonly orders: Readonly<Record<string, number>>
  /** The last few of each topic. */
  readonly latest: readonly ShownRecord[]
}

export const nothingSeen: Seen = {
  events: 0,
  rejected: 0,
  deadLetters: 0,
  lag: undefined,
  orders: {},
  latest: [],
}

/** How many of each output topic are shown. */
const SHOWN = { [events.name]: 3, [refused.name]: 2, [failed.name]: 1 }

/** Follows what comes out as any other consumer would: committed records only. */
export class Observer {
  readonly #port: KafkaPort
  readonly #group: string
  readonly #inputs: readonly TopicPartition[]
  readonly #outputs: readonly TopicPartition[]
  readonly #fetcher: Fetcher
  readonly #counts = new Map<string, number>()
  readonly #latest = new Map<string, ShownRecord[]>()
  /** Of orders that are not at their end yet; the others are only counted. */
  readonly #open = new Map<string, Order>()
  readonly #closed = new Map<string, number>()

  constructor(
    port: KafkaPort,
    clock: Clock,
    group: string,
    inputs: readonly TopicPartition[],
    outputs: readonly TopicPartition[],
  ) {
    this.#port = port
    this.#group = group
    this.#inputs = inputs
    this.#outputs = outputs
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
      const end = ends.get(topicPartitionKey(topic, partition)) ?? 0
      this.#fetcher.assign(topic, partition, end)
    }
  }

  async look(): Promise<Seen> {
    for (const { topic, partition } of this.#outputs) {
      for (let run = this.#fetcher.take(topic, partition); run !== undefined;) {
        while (run.next()) this.#see(topic, run)
        run = this.#fetcher.take(topic, partition)
      }
    }
    const lag = await this.#readLag()
    const count = (topic: string): number => this.#counts.get(topic) ?? 0
    return {
      events: count(events.name),
      rejected: count(refused.name),
      deadLetters: count(failed.name),
      lag,
      orders: this.#ordersByStatus(),
      latest: Object.keys(SHOWN).flatMap((topic) => this.#latest.get(topic) ?? []),
    }
  }

  #see(topic: string, record: RecordRun): void {
    this.#counts.set(topic, (this.#counts.get(topic) ?? 0) + 1)
    const key = Buffer.from(record.key ?? []).toString()
    const shown = this.#latest.get(topic) ?? []
    shown.push({ topic, key, text: this.#inWords(topic, key, record) })
    if (shown.length > (SHOWN[topic] ?? 0)) shown.shift()
    this.#latest.set(topic, shown)
  }

  #inWords(topic: string, key: string, { value, headers }: RecordRun): string {
    const text = Buffer.from(value ?? []).toString()
    if (topic === events.name) {
      const event = JSON.parse(text) as OrderEvent
      this.#follow(key, event)
      return eventInWords(event)
    }
    if (topic === refused.name) return refusalInWords(text)
    return `${headerText(headers, deadLetterHeader.message) ?? ''}: ${text}`
  }

  #follow(key: string, event: OrderEvent): void {
    const before = this.#open.get(key) ?? orderDecider.initialState
    const order = orderDecider.evolve(before, event)
    if (order.status === 'shipped' || order.status === 'cancelled') {
      this.#open.delete(key)
      this.#closed.set(order.status, (this.#closed.get(order.status) ?? 0) + 1)
    } else {
      // Which commands it was is the decider's business.
      this.#open.set(key, { ...order, commandIds: [] })
    }
  }

  #ordersByStatus(): Readonly<Record<string, number>> {
    const orders: Record<string, number> = { placed: 0, paid: 0 }
    for (const { status } of this.#open.values()) orders[status] = (orders[status] ?? 0) + 1
    return { ...orders, ...Object.fromEntries(this.#closed) }
  }

  /** Also right while nobody is a member of the group. */
  async #readLag(): Promise<number | undefined> {
    try {
      const [ends, committed] = await Promise.all([
        this.#port.listOffsets(this.#inputs, 'latest', 'read_committed'),
        this.#port.offsetFetch(this.#group, this.#inputs, false),
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
