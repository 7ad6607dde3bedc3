import { systemClock } from '../../src/core/clock.ts'
import type { KafkaPort } from '../../src/kafka/port.ts'
import { InputWriter } from '../../topologies/demo/input-writer.ts'
import { Observer } from '../../topologies/demo/observer.ts'
import { OrdersFollower } from '../../topologies/demo/orders/orders-follower.ts'
import { ordersStudy } from '../../topologies/demo/orders/orders-study.ts'
import { expectedOutcome, untilGivenUp } from '../support/orders-account.ts'
import { writeCommands } from '../support/orders-load.ts'

/** What the names of those orders have in common whose payments come in a topic of their own. */
export const PAID_RUN = 'reported'
const LOOK_MS = 250
const CLOSING_MS = 600

export interface LoadOptions {
  readonly port: KafkaPort
  readonly partitions: number
  readonly seed: number
  /** Records a second, of both kinds together. */
  readonly rate: number
  readonly lengthMs: number
}

/**
 * Two kinds of orders at once. Of one half all input is in one topic, so its order is fixed and a
 * plain fold says exactly what has to come out, in which order. Of the other half payments come in
 * a topic of their own, are joined, and charged again by the clock: each has to come out once.
 */
export class Load {
  readonly #options: LoadOptions
  readonly #follower = new OrdersFollower(PAID_RUN)
  readonly #writer: InputWriter
  readonly #observer: Observer
  readonly #ofEachKind: number

  constructor(options: LoadOptions) {
    this.#options = options
    const { port, partitions, seed, rate, lengthMs } = options
    this.#ofEachKind = Math.ceil((rate * lengthMs) / 2_000)
    const follower = this.#follower
    this.#writer = new InputWriter({
      ...{ port, clock: systemClock, study: ordersStudy, run: PAID_RUN, follower },
      options: {
        ...{ name: 'orders', records: this.#ofEachKind, rate: rate / 2, seed },
        ...{ kill: false, inMemory: false, json: true },
      },
    })
    this.#observer = new Observer(port, systemClock, ordersStudy, partitions, follower)
  }

  /** Orders whose outcome the plain fold tells. */
  readonly isFolded = (orderId: string): boolean =>
    orderId.startsWith(`order-${this.#options.seed}-`)

  get inputs(): number {
    return 2 * this.#ofEachKind
  }

  /** Of the half that is written with payments of its own. */
  get written(): number {
    return this.#writer.written
  }

  async start(): Promise<void> {
    await this.#observer.start()
  }

  /** Resolves when all of it is acknowledged. */
  async write(): Promise<void> {
    const { port, seed, rate } = this.#options
    const folded = writeCommands(port, { records: this.#ofEachKind, rate: rate / 2, seed })
    await Promise.all([folded, this.#writer.write()])
  }

  /** Committed records that are not processed yet; undefined while Kafka cannot tell. */
  async lag(): Promise<number | undefined> {
    return (await this.#observer.look()).lag
  }

  /**
   * Resolves when all that was written has come out, and time has passed for what waits for it;
   * rejects when nothing comes out any more.
   */
  async untilOut(patienceMs: number): Promise<void> {
    const { port, partitions } = this.#options
    await this.#until(patienceMs, () => this.#follower.underWay() <= 0)
    await untilGivenUp(port, await expectedOutcome(port, partitions, this.isFolded))
    await this.#until(patienceMs, async () => {
      if (this.#follower.waiting() <= 0) return true
      await this.#writer.writeClosing(partitions)
      await systemClock.sleep(CLOSING_MS)
      return false
    })
  }

  async #until(patienceMs: number, isReached: () => boolean | Promise<boolean>): Promise<void> {
    let leastLag = Infinity
    let progressMs = systemClock.nowMs()
    for (;;) {
      const { lag, isCaughtUp } = await this.#observer.look()
      if (lag === 0 && isCaughtUp && (await isReached())) return
      if (lag !== undefined && lag < leastLag) {
        leastLag = lag
        progressMs = systemClock.nowMs()
      }
      if (systemClock.nowMs() > progressMs + patienceMs) {
        const [underWay, waiting] = [this.#follower.underWay(), this.#follower.waiting()]
        throw new Error(
          `still ${lag ?? 'nobody knows how many'} records behind, ` +
            `${underWay} payments under way and ${waiting} waiting for their orders`,
        )
      }
      await systemClock.sleep(LOOK_MS)
    }
  }

  async close(): Promise<void> {
    await this.#observer.close()
    await this.#writer.close()
  }
}
