/** What the tests of this folder share: a simulated cluster on a clock moved by hand. */
import { silentLogger, type Logger } from '../../core/logger.ts'
import { ManualClock } from '../../core/manual-clock.ts'
import { noHeaders } from '../../core/record.ts'
import { SimulatedCluster, type SimulatedClusterOptions } from '../memory/simulated-cluster.ts'
import type { KafkaPort, ProducerIdentity } from '../port.ts'
import { BatchBuilder } from '../wire/batch-builder.ts'

export const bytesOf = (text: string): Uint8Array => Buffer.from(text)
export const textOf = (bytes: Uint8Array | null): string | null =>
  bytes === null ? null : Buffer.from(bytes).toString()

/** What a person would read without asking for more. */
export function warningsOf(): { readonly logger: Logger; readonly warnings: string[] } {
  const warnings: string[] = []
  const warn = (_fields: object, message: string): void => {
    warnings.push(message)
  }
  return { logger: { ...silentLogger, warn }, warnings }
}

export interface Simulation extends Disposable {
  readonly clock: ManualClock
  readonly cluster: SimulatedCluster
  readonly connect: (clientId: string) => Promise<KafkaPort>
}

export function simulate(options: Partial<SimulatedClusterOptions> = {}): Simulation {
  const clock = new ManualClock(1_700_000_000_000)
  const cluster = new SimulatedCluster({ clock, ...options })
  return {
    clock,
    cluster,
    connect: async (clientId) => {
      const port = cluster.port(clientId)
      await port.connect()
      return port
    },
    [Symbol.dispose]: () => cluster[Symbol.dispose](),
  }
}

/**
 * A producer of bare requests: one batch a call, to the first broker, so that a test decides what
 * lies in the log. It speaks either transaction version.
 */
export class BareProducer {
  readonly #port: KafkaPort
  readonly #transactionalId: string | null
  #identity: ProducerIdentity
  readonly #sequences = new Map<string, number>()

  private constructor(port: KafkaPort, transactionalId: string | null, identity: ProducerIdentity) {
    this.#port = port
    this.#transactionalId = transactionalId
    this.#identity = identity
  }

  static async open(port: KafkaPort, transactionalId: string | null): Promise<BareProducer> {
    return new BareProducer(
      port,
      transactionalId,
      await port.initProducerId(transactionalId, 60_000),
    )
  }

  async append(
    topic: string,
    partition: number,
    values: readonly string[],
    key: Uint8Array | null = null,
  ): Promise<void> {
    const name = `${topic}-${partition}`
    const baseSequence = this.#sequences.get(name) ?? 0
    const builder = new BatchBuilder()
    for (const value of values) builder.append(1_000, key, bytesOf(value), noHeaders)
    const transactional = this.#transactionalId !== null
    const batch = builder.finish({
      ...this.#identity,
      baseSequence,
      transactional,
      compression: 'none',
    })
    if (this.#transactionalId !== null && this.#port.capabilities().transactionVersion === 1) {
      await this.#port.addPartitionsToTxn(this.#transactionalId, this.#identity, [
        { topic, partition },
      ])
    }
    const [answer] = await this.#port.produce(1, [{ topic, partition, batch }], {
      transactionalId: this.#transactionalId,
      acks: -1,
      timeoutMs: 1_000,
    })
    if (answer?.error) throw answer.error
    this.#sequences.set(name, baseSequence + values.length)
  }

  async end(outcome: 'commit' | 'abort'): Promise<void> {
    const before = this.#identity
    this.#identity = await this.#port.endTxn(this.#transactionalId ?? '', before, outcome)
    if (this.#identity.epoch !== before.epoch) this.#sequences.clear()
  }
}
