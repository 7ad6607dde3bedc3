import type { TopicPartition } from '../../core/topic-partition.ts'
import type { KafkaError } from '../port.ts'
import { refusal } from './refusal.ts'
import { RequestLog, type RequestFacts, type SimulatedRequest } from './requests.ts'

/** Which requests a fault is meant for. */
export type Where = (request: SimulatedRequest) => boolean

/** Takes an order back, or ends a state. */
export type Cancel = () => void

/** `'die'`: from now on every call of this client rejects with `network`, this one first. */
export type HookAnswer = 'die' | undefined

export interface RequestHooks {
  /** Before the request has any effect. */
  readonly before?: (request: SimulatedRequest) => HookAnswer | Promise<HookAnswer>
  /** After its effect, before its answer. */
  readonly after?: (request: SimulatedRequest) => HookAnswer | Promise<HookAnswer>
}

/** What becomes of one request; several faults may meet in it. */
export interface Fate {
  readonly refused: KafkaError | null
  readonly requestLost: boolean
  readonly replyLost: boolean
  readonly delayMs: number
  readonly repeatedAfterMs: number | null
  /** How long the caller waits for what is lost. */
  readonly noticedAfterMs: number
}

/** What becomes of a request, of all there are or just of one; nothing where undefined. */
export type Judge = (request: SimulatedRequest) => Partial<Fate> | undefined

/** What faults may do to the cluster itself. */
export interface ClusterControls {
  readonly nowMs: () => number
  readonly kill: (clientId: string) => void
  readonly brokerDown: (node: number, partitions: 'move' | 'unavailable') => void
  readonly brokerUp: (node: number) => void
  readonly moveLeader: (partition: TopicPartition, to: number | undefined) => void
  readonly moveCoordinator: (of: CoordinatorOf, id: string, to: number | undefined) => void
  readonly sleepThroughMove: (groupId: string, forMs: number) => void
  readonly fence: (transactionalId: string) => void
}

interface Order {
  readonly where: Where
  readonly fate: Partial<Fate>
  left: number
}

/** Of the group with this id, or of the transactional id. */
export type CoordinatorOf = 'group' | 'transaction'

export const coordinatorKey = (of: CoordinatorOf, id: string): string => `${of} ${id}`

const harmless: Fate = {
  refused: null,
  requestLost: false,
  replyLost: false,
  delayMs: 0,
  repeatedAfterMs: null,
  noticedAfterMs: 0,
}

/**
 * Everything that can go wrong, on order. An order counts down with each request it fits and is
 * used up after `times`; `Infinity` lasts until cancelled.
 */
export class Faults {
  readonly #controls: ClusterControls
  readonly #log = new RequestLog()
  readonly #orders = new Set<Order>()
  readonly #judges = new Set<Judge>()
  readonly #hooks = new Set<{ readonly where: Where; readonly hooks: RequestHooks }>()
  readonly #frozen = new Map<string, PromiseWithResolvers<void>>()

  constructor(controls: ClusterControls) {
    this.#controls = controls
  }

  /** Every request sent so far, oldest first; bounded. */
  get requests(): readonly SimulatedRequest[] {
    return this.#log.requests
  }

  count(where: Where): number {
    return this.requests.filter(where).length
  }

  /** The request has its effect; the caller gets `network`. */
  loseReply(where: Where, times = 1): Cancel {
    return this.#order(where, times, { replyLost: true })
  }

  /** The request has no effect; the caller gets `network`. */
  loseRequest(where: Where, times = 1): Cancel {
    return this.#order(where, times, { requestLost: true })
  }

  /**
   * The broker answers with this error of Kafka's; produce and fetch give it for each partition.
   */
  refuse(where: Where, code: string, times = 1): Cancel {
    return this.#order(where, times, { refused: refusal(code, 'ordered by the test') })
  }

  /** The request arrives `ms` later, and so does its answer. */
  delay(where: Where, ms: number, times = 1): Cancel {
    return this.#order(where, times, { delayMs: ms })
  }

  /** The caller gets `network` at once, but the request arrives all the same, `ms` later. */
  deliverLate(where: Where, ms: number, times = 1): Cancel {
    return this.#order(where, times, { delayMs: ms, replyLost: true })
  }

  /** The request arrives a second time, `afterMs` after it was answered; that answer is lost. */
  duplicate(where: Where, afterMs = 0, times = 1): Cancel {
    return this.#order(where, times, { repeatedAfterMs: afterMs })
  }

  /** Has a say in the fate of every request, until cancelled: for faults by chance. */
  judge(judge: Judge): Cancel {
    this.#judges.add(judge)
    return () => this.#judges.delete(judge)
  }

  onRequest(where: Where, hooks: RequestHooks): Cancel {
    const entry = { where, hooks }
    this.#hooks.add(entry)
    return () => this.#hooks.delete(entry)
  }

  /**
   * Holds every new request of the client back until thawed: a pause of its process, or of its
   * network.
   */
  freeze(clientId: string): Cancel {
    const thawed = Promise.withResolvers<void>()
    this.#frozen.get(clientId)?.resolve()
    this.#frozen.set(clientId, thawed)
    return () => {
      if (this.#frozen.get(clientId) === thawed) this.#frozen.delete(clientId)
      thawed.resolve()
    }
  }

  /** The ports opened under this id so far are dead; a port opened later is a new process. */
  kill(clientId: string): void {
    this.#controls.kill(clientId)
  }

  /** What it led and coordinated moves to brokers that are up, or stays away until it is back. */
  brokerDown(node: number, partitions: 'move' | 'unavailable' = 'move'): void {
    this.#controls.brokerDown(node, partitions)
  }

  brokerUp(node: number): void {
    this.#controls.brokerUp(node)
  }

  slowBroker(node: number, ms: number): Cancel {
    return this.delay((request) => request.node === node, ms, Infinity)
  }

  moveLeader(partition: TopicPartition, to?: number): void {
    this.#controls.moveLeader(partition, to)
  }

  /** Each client hears NOT_COORDINATOR once from the old one, then finds the new one. */
  moveCoordinator(of: CoordinatorOf, id: string, to?: number): void {
    this.#controls.moveCoordinator(of, id, to)
  }

  /**
   * The group has another coordinator, and the old one does not know it yet: for `forMs` it answers
   * whoever still asks it, of what needs no write, what it knew before.
   */
  sleepThroughMove(groupId: string, forMs: number): void {
    this.#controls.sleepThroughMove(groupId, forMs)
  }

  /** COORDINATOR_NOT_AVAILABLE for `forMs`, or until cancelled. */
  coordinatorGone(of: CoordinatorOf, id: string, forMs = Infinity): Cancel {
    const untilMs = this.#controls.nowMs() + forMs
    const key = of === 'group' ? 'groupId' : 'transactionalId'
    return this.refuse(
      (request) => request.atMs < untilMs && request[key] === id && isCoordinated(request, of),
      'COORDINATOR_NOT_AVAILABLE',
      Infinity,
    )
  }

  /** As if another process had taken the transactional id over. */
  fence(transactionalId: string): void {
    this.#controls.fence(transactionalId)
  }

  /** @internal For the way of a request: waits while its client is frozen, then notes it. */
  async arrival(facts: RequestFacts): Promise<SimulatedRequest> {
    for (let frozen = this.#frozen.get(facts.clientId); frozen !== undefined;) {
      await frozen.promise
      frozen = this.#frozen.get(facts.clientId)
    }
    return this.#log.note(facts, this.#controls.nowMs())
  }

  /** @internal Uses up the orders that fit. */
  fateOf(request: SimulatedRequest): Fate {
    let fate = harmless
    for (const order of this.#orders) {
      if (!order.where(request)) continue
      fate = { ...fate, ...order.fate, delayMs: fate.delayMs + (order.fate.delayMs ?? 0) }
      order.left -= 1
      if (order.left <= 0) this.#orders.delete(order)
    }
    for (const judge of this.#judges) {
      const own = judge(request)
      if (own !== undefined) fate = { ...fate, ...own, delayMs: fate.delayMs + (own.delayMs ?? 0) }
    }
    return fate
  }

  /** @internal */
  async ask(when: keyof RequestHooks, request: SimulatedRequest): Promise<HookAnswer> {
    let answer: HookAnswer
    for (const { where, hooks } of this.#hooks) {
      const hook = hooks[when]
      if (hook !== undefined && where(request)) answer = (await hook(request)) ?? answer
    }
    return answer
  }

  #order(where: Where, times: number, fate: Partial<Fate>): Cancel {
    const order = { where, fate, left: times }
    this.#orders.add(order)
    return () => this.#orders.delete(order)
  }
}

/** A txnOffsetCommit names both ids and goes to the coordinator of the group. */
const isCoordinated = ({ api }: SimulatedRequest, of: CoordinatorOf): boolean =>
  of === 'group' ? api !== 'addOffsetsToTxn' : api !== 'txnOffsetCommit' && api !== 'produce'
