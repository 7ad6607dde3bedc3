import type { Clock } from '../../src/core/clock.ts'
import { silentLogger } from '../../src/core/logger.ts'
import { topicPartitionKey, type TopicPartition } from '../../src/core/topic-partition.ts'
import { Fetcher } from '../../src/kafka/client/fetcher.ts'
import type { KafkaPort } from '../../src/kafka/port.ts'
import type { Order, OrderEvent, RefusedCommand } from '../orders/model.ts'
import { orderDecider } from '../orders/decider.ts'

export interface Seen {
  readonly events: number
  readonly rejected: number
  readonly deadLetters: number
  /** Input records not yet processed and committed. */
  readonly lag: number
  /** How many orders are in which state, by the events. */
  readonly orders: Readonly<Record<string, number>>
  readonly latest: readonly string[]
}

/** Follows what comes out as any other consumer would: committed records only. */
export class Observer {
  readonly #port: KafkaPort
  readonly #group: string
  readonly #inputs: readonly TopicPartition[]
  readonly #outputs: readonly TopicPartition[]
  readonly #fetcher: Fetcher
  readonly #counts = new Map<string, number>()
  readonly #orders = new Map<string, Order>()
  readonly #latest: string[] = []
  #lag = 0

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
        while (run.next()) this.#see(topic, String(run.key && Buffer.from(run.key)), run.value)
        run = this.#fetcher.take(topic, partition)
      }
    }
    this.#lag = await this.#readLag()
    const orders: Record<string, number> = {}
    for (const { status } of this.#orders.values()) orders[status] = (orders[status] ?? 0) + 1
    const count = (topic: string): number => this.#counts.get(topic) ?? 0
    return {
      events: count('orders.events'),
      rejected: count('orders.refused'),
      deadLetters: count('orders.dead-letters'),
      lag: this.#lag,
      orders,
      latest: this.#latest,
    }
  }

  #see(topic: string, key: string, value: Uint8Array | null): void {
    this.#counts.set(topic, (this.#counts.get(topic) ?? 0) + 1)
    const text = value === null ? '' : Buffer.from(value).toString()
    this.#latest.push(
      `${topic.replace('orders.', '').padEnd(13)} ${this.#inWords(topic, key, text)}`,
    )
    if (this.#latest.length > 6) this.#latest.shift()
  }

  #inWords(topic: string, key: string, text: string): string {
    if (topic === 'orders.events') {
      const event = JSON.parse(text) as OrderEvent
      const before = this.#orders.get(key) ?? orderDecider.initialState
      this.#orders.set(key, orderDecider.evolve(before, event))
      return `${key} ${event.type}`
    }
    if (topic === 'orders.refused') {
      const { command, reason } = JSON.parse(text) as RefusedCommand
      return `${key} ${command.type}: ${reason}`
    }
    return `${key} ${text}`
  }

  /** Also right while nobody is a member of the group. */
  async #readLag(): Promise<number> {
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
      // A coordinator that is just starting: what was true a moment ago is good enough for a screen.
      return this.#lag
    }
  }

  close(): Promise<void> {
    return this.#fetcher.close()
  }
}
