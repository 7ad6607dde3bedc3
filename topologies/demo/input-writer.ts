import type { Clock } from '../../src/core/clock.ts'
import { silentLogger } from '../../src/core/logger.ts'
import { RecordProducer } from '../../src/kafka/client/producer.ts'
import type { KafkaPort } from '../../src/kafka/port.ts'
import { orderWorkload, type GeneratedRecord } from '../orders/workload.ts'
import { inputId, inputIdHeader } from './account.ts'
import type { DemoOptions } from './demo-options.ts'

const TICK_MS = 20
const LATEST_MAX = 3

/** Writes the generated input at its rate. */
export class InputWriter {
  readonly #clock: Clock
  readonly #options: DemoOptions
  readonly #run: string
  readonly #producer: RecordProducer
  #written = 0
  #isStopped = false
  #isDone = false
  /** The last few records, for the screen. */
  readonly latest: GeneratedRecord[] = []

  constructor(port: KafkaPort, clock: Clock, options: DemoOptions, run: string) {
    this.#clock = clock
    this.#options = options
    this.#run = run
    this.#producer = new RecordProducer({
      port,
      clock,
      logger: silentLogger,
      transactionalId: null,
      transactionTimeoutMs: 10_000,
      compression: 'none',
      lingerMs: 5,
      onProgress: () => {},
    })
  }

  get written(): number {
    return this.#written
  }

  get isStopped(): boolean {
    return this.#isStopped
  }

  /** All is written and acknowledged. */
  get isDone(): boolean {
    return this.#isDone
  }

  stop(): void {
    this.#isStopped = true
  }

  /** Resolves when all is written and acknowledged. */
  async write(): Promise<void> {
    const { records, rate, seed } = this.#options
    const wanted = records === 0 ? Infinity : records
    await this.#producer.init()
    const startedAtMs = this.#clock.nowMs()
    const workload = orderWorkload(seed)
    while (this.#written < wanted && !this.#isStopped) {
      const elapsedMs = this.#clock.nowMs() - startedAtMs
      const due = Math.min(wanted, Math.ceil((elapsedMs * rate) / 1_000))
      while (this.#written < due) this.#send(workload.next().value)
      await this.#producer.drainTo(1024 * 1024)
      await this.#clock.sleep(TICK_MS)
    }
    await this.#producer.flush()
    await this.#producer.close()
    this.#isDone = true
  }

  #send(record: GeneratedRecord): void {
    this.#written += 1
    const id = Buffer.from(inputId(this.#run, this.#written))
    this.#producer.send(
      record.topic,
      null,
      this.#clock.nowMs(),
      Buffer.from(record.key),
      Buffer.from(record.value),
      [[inputIdHeader, id]],
    )
    this.latest.push(record)
    if (this.latest.length > LATEST_MAX) this.latest.shift()
  }
}
