import type { Clock } from '../../core/clock.ts'
import { KafkaError } from '../port.ts'
import type { Brokers } from './brokers.ts'
import type { Fate, Faults } from './faults.ts'
import { answerLost, refusal } from './refusal.ts'
import type { RequestFacts, SimulatedRequest } from './requests.ts'

/** A broker by number, the coordinator of something, or any broker. */
export type Destination =
  { readonly node: number } | { readonly coordinator: string } | { readonly any: true }

export const anyBroker: Destination = { any: true }

export interface Sending<T> extends Omit<RequestFacts, 'clientId' | 'node'> {
  readonly to: Destination
  /** What the request does when it arrives; up to its first wait it is done in one go. */
  readonly effect: (ended: AbortSignal) => T | Promise<T>
  /** What a coordinator answers that was replaced and does not know it; else it needs a write. */
  readonly fromMemory?: () => T
  /** Where a refusal is an answer for each partition. */
  readonly refused?: (error: KafkaError) => T
}

export interface ClientLineOptions {
  readonly clientId: string
  readonly clock: Clock
  readonly faults: Faults
  readonly brokers: Brokers
}

/** The way of one client's requests to the cluster and of the answers back. */
export class ClientLine {
  readonly clientId: string
  readonly #clock: Clock
  readonly #faults: Faults
  readonly #brokers: Brokers
  readonly #ended = new AbortController()
  readonly #underWay = new Set<(error: KafkaError) => void>()
  /** Where this client last found each coordinator. */
  readonly #coordinators = new Map<string, number>()
  #connected = false

  constructor({ clientId, clock, faults, brokers }: ClientLineOptions) {
    this.clientId = clientId
    this.#clock = clock
    this.#faults = faults
    this.#brokers = brokers
  }

  async connect(): Promise<void> {
    await Promise.resolve()
    if (this.#ended.signal.aborted || this.#brokers.up.length === 0) {
      throw answerLost('no broker can be reached')
    }
    this.#connected = true
  }

  /** Closed or dead: nothing more is answered. What was sent may still arrive. */
  end(): void {
    this.#ended.abort()
    for (const reject of this.#underWay) reject(answerLost('the connection ended'))
    this.#underWay.clear()
  }

  async send<T>(sending: Sending<T>): Promise<T> {
    if (this.#ended.signal.aborted) throw answerLost('the connection ended')
    if (!this.#connected) {
      throw new KafkaError('NOT_CONNECTED', 'fatal', 'connect comes before any request')
    }
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    this.#underWay.add(reject)
    this.#carryOut(sending)
      .finally(() => this.#underWay.delete(reject))
      .then(resolve, reject)
    return await promise
  }

  async #carryOut<T>(sending: Sending<T>): Promise<T> {
    const { to, effect: _, refused, ...facts } = sending
    const node = this.#nodeOf(to)
    const request = await this.#faults.arrival({ ...facts, clientId: this.clientId, node })
    if ((await this.#faults.ask('before', request)) === 'die') this.end()
    // A process that died, also while it was frozen, sends nothing any more.
    if (this.#ended.signal.aborted) throw answerLost('the connection ended')
    const fate = this.#faults.fateOf(request)
    if (fate.requestLost) await this.#lost(fate, sending.to, `${request.api} was lost on the way`)
    if (fate.refused !== null) {
      if (refused !== undefined) return refused(fate.refused)
      throw fate.refused
    }
    return await this.#deliver(request, fate, sending)
  }

  async #deliver<T>(request: SimulatedRequest, fate: Fate, sending: Sending<T>): Promise<T> {
    const arrive = (): T | Promise<T> => {
      const { to, effect, fromMemory } = sending
      const { node } = request
      const isAsleep =
        fromMemory !== undefined &&
        'coordinator' in to &&
        this.#brokers.sleptThroughMove(to.coordinator, node)
      if (isAsleep && node !== null && this.#brokers.isUp(node)) return fromMemory()
      this.#check(node, to)
      return effect(this.#ended.signal)
    }
    const deliver = async (): Promise<T> => {
      if (fate.delayMs > 0) await this.#clock.sleep(fate.delayMs)
      try {
        return await arrive()
      } finally {
        if ((await this.#faults.ask('after', request)) === 'die') this.end()
      }
    }
    const delivered = deliver()
    delivered.catch(() => {})
    if (fate.repeatedAfterMs !== null) void this.#repeat(delivered, fate.repeatedAfterMs, arrive)
    if (fate.replyLost) {
      await this.#lost(fate, sending.to, `the answer to ${request.api} was lost`)
    }
    return await delivered
  }

  async #repeat(first: Promise<unknown>, afterMs: number, arrive: () => unknown): Promise<void> {
    await first.catch(() => {})
    if (afterMs > 0) await this.#clock.sleep(afterMs)
    try {
      await arrive()
    } catch {
      // Nobody waits for the second answer.
    }
  }

  #nodeOf(to: Destination): number | null {
    if ('node' in to) return to.node
    if ('any' in to) return null
    const node =
      this.#coordinators.get(to.coordinator) ?? this.#brokers.findCoordinator(to.coordinator)
    this.#coordinators.set(to.coordinator, node)
    return node
  }

  async #lost({ noticedAfterMs }: Fate, to: Destination, what: string): Promise<never> {
    if (noticedAfterMs > 0) await this.#clock.sleep(noticedAfterMs)
    this.#forget(to)
    throw answerLost(what)
  }

  /** Whoever does not answer is looked for again. */
  #forget(to: Destination): void {
    if ('coordinator' in to) this.#coordinators.delete(to.coordinator)
  }

  #check(node: number | null, to: Destination): void {
    if (node === null ? this.#brokers.up.length === 0 : !this.#brokers.isUp(node)) {
      this.#forget(to)
      if ('node' in to && !this.#brokers.nodes.includes(to.node)) {
        throw refusal('BROKER_NOT_AVAILABLE', `there is no broker ${to.node}`)
      }
      throw answerLost(`broker ${node ?? ''} is down`)
    }
    if ('coordinator' in to && this.#brokers.coordinatorOf(to.coordinator) !== node) {
      this.#coordinators.delete(to.coordinator)
      throw refusal('NOT_COORDINATOR', `broker ${node} no longer coordinates ${to.coordinator}`)
    }
  }
}
