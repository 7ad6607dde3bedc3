import type { Clock } from '../../src/core/clock.ts'
import { silentLogger } from '../../src/core/logger.ts'
import { RecordProducer } from '../../src/kafka/client/producer.ts'
import type { KafkaPort } from '../../src/kafka/port.ts'
import type { CaseStudy, Follower } from './case-study.ts'
import type { DemoOptions } from './demo-options.ts'
import type { GeneratedRecord } from './generated-record.ts'
import { inputId, inputIdHeader } from './input-id.ts'

const TICK_MS = 20
const LATEST_MAX = 2

export interface InputWriterOptions {
  readonly port: KafkaPort
  readonly clock: Clock
  readonly study: CaseStudy
  readonly options: DemoOptions
  /** What the names of this run have in common. */
  readonly run: string
  readonly follower: Follower
}

/** Writes the generated input at its rate. */
export class InputWriter {
  readonly #clock: Clock
  readonly #study: CaseStudy
  readonly #options: DemoOptions
  readonly #run: string
  readonly #follower: Follower
  readonly #producer: RecordProducer
  #written = 0
  #closings = 0
  #isStopped = false
  #isDone = false
  /** The last few records, for the screen. */
  readonly latest: GeneratedRecord[] = []

  constructor({ port, clock, study, options, run, follower }: InputWriterOptions) {
    this.#clock = clock
    this.#study = study
    this.#options = options
    this.#run = run
    this.#follower = follower
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
    const workload = this.#study.workload(seed, this.#run)
    while (this.#written < wanted && !this.#isStopped) {
      const elapsedMs = this.#clock.nowMs() - startedAtMs
      const due = Math.min(wanted, Math.ceil((elapsedMs * rate) / 1_000))
      while (this.#written < due) this.#send(workload.next().value)
      await this.#producer.drainTo(1024 * 1024)
      await this.#clock.sleep(TICK_MS)
    }
    await this.#producer.flush()
    this.#isDone = true
  }

  /** Moves event time on in each partition, a little further each time. */
  async writeClosing(partitions: number): Promise<void> {
    for (let partition = 0; partition < partitions; partition += 1) {
      const record = this.#study.closing?.(partition, this.#closings)
      if (record === undefined) return
      const { topic, key, value, ageMs = 0 } = record
      const timestampMs = this.#clock.nowMs() - ageMs
      this.#producer.send(topic, partition, timestampMs, Buffer.from(key), Buffer.from(value), [])
    }
    this.#closings += 1
    await this.#producer.flush()
  }

  close(): Promise<void> {
    return this.#producer.close()
  }

  #send(record: GeneratedRecord): void {
    this.#written += 1
    const { topic, key, value, ageMs = 0 } = record
    const timestampMs = this.#clock.nowMs() - ageMs
    const id = Buffer.from(inputId(this.#run, this.#written))
    this.#producer.send(topic, null, timestampMs, Buffer.from(key), Buffer.from(value), [
      [inputIdHeader, id],
    ])
    this.#follower.wrote(record)
    this.latest.push(record)
    if (this.latest.length > LATEST_MAX) this.latest.shift()
  }
}
