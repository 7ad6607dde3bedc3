import { readTopic } from '../../src/admin/read-topic.ts'
import { systemClock } from '../../src/core/clock.ts'
import { silentLogger } from '../../src/core/logger.ts'
import { Wakeup } from '../../src/core/wakeup.ts'
import { Fetcher } from '../../src/kafka/client/fetcher.ts'
import type { KafkaPort } from '../../src/kafka/port.ts'
import { orderIndexOf, orderKey } from './orders.ts'
import { peerEnvironment, type PeerRun } from './peer-environment.ts'
import { PeerProcess } from './peer-process.ts'
import { customersOf, type Workload } from './workloads.ts'
import { createTopic, orderProducer, partitionsOf, sendOrder } from './topics.ts'

const RECORDS_PER_SECOND = 10_000
const WARM_UP_SECONDS = 10
const MEASURED_SECONDS = 15
const RECORDS = RECORDS_PER_SECOND * (WARM_UP_SECONDS + MEASURED_SECONDS)
const WARM_UP_RECORDS = RECORDS_PER_SECOND * WARM_UP_SECONDS
const STARTED_MS = 3_000
/** After the last input, for the outputs that are still on their way. */
const LAST_OUTPUT_MS = 10_000

export interface Latency {
  readonly correct: boolean
  readonly recordsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
  /** At this rate, after warm-up. */
  readonly cpuMicrosPerRecord: number
}

/**
 * Sends orders at a steady rate and reads the outputs as they come, read-committed. The latency of
 * a record is the time from the broker's append of it to our read of its output; 1 ms resolution.
 */
export async function measureLatency(port: KafkaPort, run: PeerRun): Promise<Latency> {
  await createTopic(port, run.input, 'append')
  await createTopic(port, run.output, 'append')
  const peer = new PeerProcess(peerEnvironment(run))
  try {
    await systemClock.sleep(STARTED_MS)
    const arrivals = new Arrivals(port, run)
    const startMs = systemClock.nowMs()
    await sendSteadily(port, run)
    const sentMs = systemClock.nowMs()
    await arrivals.all()
    const cpuSeconds =
      peer.cpuSecondsAt(sentMs) - peer.cpuSecondsAt(startMs + WARM_UP_SECONDS * 1_000)
    await peer.stop()
    const appendedMs = await appendTimes(port, run.input)
    const late = [...arrivals.readMs]
      .map((readMs, index) => readMs - (appendedMs[index] as number))
      .slice(WARM_UP_RECORDS)
      .toSorted((a, b) => a - b)
    const at = (share: number): number => late[Math.floor(share * (late.length - 1))] as number
    return {
      correct: arrivals.areRight,
      recordsPerSecond: RECORDS_PER_SECOND,
      p50Ms: at(0.5),
      p99Ms: at(0.99),
      maxMs: at(1),
      cpuMicrosPerRecord: Number(
        ((cpuSeconds * 1e6) / (RECORDS_PER_SECOND * MEASURED_SECONDS)).toFixed(2),
      ),
    }
  } finally {
    if (peer.isRunning) await peer.stop()
  }
}

async function sendSteadily(port: KafkaPort, { input, workload }: PeerRun): Promise<void> {
  const customers = customersOf(workload)
  const producer = await orderProducer(port, 2)
  const startMs = systemClock.nowMs()
  for (let sent = 0; sent < RECORDS;) {
    const nowMs = systemClock.nowMs()
    const due = Math.min(RECORDS, ((nowMs - startMs) * RECORDS_PER_SECOND) / 1_000)
    for (; sent < due; sent++) sendOrder(producer, input, sent, nowMs, customers)
    await systemClock.sleep(1)
  }
  await producer.flush()
  await producer.close()
}

/** When the broker took each order. */
async function appendTimes(port: KafkaPort, topic: string): Promise<Float64Array> {
  const times = new Float64Array(RECORDS)
  for await (const { value, timestampMs } of readTopic(port, systemClock, topic)) {
    times[orderIndexOf(value as Uint8Array)] = timestampMs
  }
  return times
}

/** Reads outputs as they come, each for the order that it answers. */
class Arrivals {
  /** By the index of the order. */
  readonly readMs = new Float64Array(RECORDS)
  readonly #wakeup = new Wakeup(systemClock)
  readonly #fetcher: Fetcher
  readonly #output: string
  readonly #indexOf: (key: string, value: Uint8Array) => number
  readonly #reading: Promise<void>
  #seen = 0
  #wrong = 0
  #untilMs = Infinity

  constructor(port: KafkaPort, run: PeerRun) {
    this.#output = run.output
    this.#indexOf = indexOf(run.workload)
    this.#fetcher = new Fetcher({
      port,
      clock: systemClock,
      logger: silentLogger,
      isolation: 'read_committed',
      onArrival: this.#wakeup.notify,
    })
    for (const { topic, partition } of partitionsOf(run.output)) {
      this.#fetcher.assign(topic, partition, 0)
    }
    this.#reading = this.#read()
  }

  get areRight(): boolean {
    return this.#seen === RECORDS && this.#wrong === 0
  }

  /** All inputs are sent: what has not come soon will not come. */
  async all(): Promise<void> {
    this.#untilMs = systemClock.nowMs() + LAST_OUTPUT_MS
    await this.#reading
    await this.#fetcher.close()
  }

  async #read(): Promise<void> {
    while (this.#seen < RECORDS && systemClock.nowMs() < this.#untilMs) {
      for (const { topic, partition } of partitionsOf(this.#output)) this.#take(topic, partition)
      await this.#wakeup.wait(100)
    }
  }

  #take(topic: string, partition: number): void {
    const nowMs = systemClock.nowMs()
    for (;;) {
      const run = this.#fetcher.take(topic, partition)
      if (run === undefined) return
      while (run.next()) {
        this.#seen += 1
        const key = Buffer.from(run.key ?? []).toString()
        const index = this.#indexOf(key, run.value ?? Buffer.alloc(0))
        if (index >= 0 && this.readMs[index] === 0) this.readMs[index] = nowMs
        else this.#wrong += 1
      }
    }
  }
}

/** Which order an output answers; -1 where it is none. */
function indexOf(workload: Workload): (key: string, value: Uint8Array) => number {
  if (workload === 'W0') return (_, value) => orderIndexOf(value)
  const customers = customersOf(workload)
  const ordersOf = new Map<string, number[]>()
  for (let index = 0; index < RECORDS; index++) {
    const key = orderKey(index, customers)
    const orders = ordersOf.get(key)
    if (orders === undefined) ordersOf.set(key, [index])
    else orders.push(index)
  }
  // Of a window only the order of a customer's outputs says it.
  if (workload === 'W3') return (key) => ordersOf.get(key)?.shift() ?? -1
  // The count says the how-manieth order of its key it is.
  return (key, value) => ordersOf.get(key)?.[Number(Buffer.from(value).toString()) - 1] ?? -1
}
