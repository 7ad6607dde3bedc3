import type { TopicPartition } from '../../core/topic-partition.ts'
import type { KafkaPort } from '../port.ts'
import type { TransactionOutcome } from './transaction.ts'

/** How many requests are remembered. */
const REQUESTS_MAX = 20_000

export type Api = Exclude<keyof KafkaPort, 'connect' | 'close' | 'capabilities'>

/** What a fault can be aimed at, and what a test can count. */
export interface SimulatedRequest {
  /** 1 for the first request of the cluster. */
  readonly number: number
  readonly atMs: number
  readonly clientId: string
  readonly api: Api
  /** The broker it was sent to; null where any broker would do. */
  readonly node: number | null
  readonly partitions: readonly TopicPartition[]
  readonly groupId: string | null
  readonly transactionalId: string | null
  /** Of an endTxn. */
  readonly outcome: TransactionOutcome | null
}

export type RequestFacts = Pick<SimulatedRequest, 'clientId' | 'api' | 'node'> &
  Partial<SimulatedRequest>

/** Every request of every client in the order they were sent, the oldest forgotten. */
export class RequestLog {
  #requests: SimulatedRequest[] = []
  #count = 0

  get requests(): readonly SimulatedRequest[] {
    return this.#requests
  }

  note(facts: RequestFacts, atMs: number): SimulatedRequest {
    this.#count += 1
    const request: SimulatedRequest = {
      groupId: null,
      transactionalId: null,
      outcome: null,
      ...facts,
      // Without the bytes that came with them.
      partitions: (facts.partitions ?? []).map(({ topic, partition }) => ({ topic, partition })),
      number: this.#count,
      atMs,
    }
    if (this.#requests.length === REQUESTS_MAX) this.#requests.splice(0, REQUESTS_MAX / 2)
    this.#requests.push(request)
    return request
  }
}
