/** What a kill, or a newcomer, does to the output of each partition, on a real Kafka. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import { silentLogger } from '../../src/core/logger.ts'
import { noHeaders } from '../../src/core/record.ts'
import { topicPartitionKey } from '../../src/core/topic-partition.ts'
import { freePorts } from '../../src/dev/free-ports.ts'
import { Fetcher } from '../../src/kafka/client/fetcher.ts'
import type { RecordProducer } from '../../src/kafka/client/producer.ts'
import type { KafkaPort } from '../../src/kafka/port.ts'
import { seen, visits } from './padded-topology.ts'
import { plainProducer, write } from './kafka-client.ts'
import { startWorker, type WorkerProcess } from './worker-process.ts'

export const PARTITIONS = 4
const MODULE = 'integration-tests/support/padded-topology.ts'
const PADDING = 'x'.repeat(400)
/** Of the traffic, over all partitions. */
const RECORDS_PER_SECOND = 400
const TICK_MS = 10
const SETTLED_WITHIN_MS = 120_000

const visitor = (index: number): string => `visitor-${index}`

/** So many rows, one visit each. */
export async function writeRows(port: KafkaPort, rows: number): Promise<void> {
  const CHUNK = 20_000
  for (let from = 0; from < rows; from += CHUNK) {
    const size = Math.min(CHUNK, rows - from)
    const chunk = Array.from({ length: size }, (_, at) => [visitor(from + at), PADDING] as const)
    await write(port, visits.name, chunk)
  }
}

const ends = async (port: KafkaPort, topic: string): Promise<readonly number[]> => {
  const asked = Array.from({ length: PARTITIONS }, (_, partition) => ({ topic, partition }))
  const found = await port.listOffsets(asked, 'latest', 'read_uncommitted')
  return asked.map((each) => found.get(topicPartitionKey(each.topic, each.partition)) ?? 0)
}

/** Writes visits all the time, and notes when what they come to arrives, read committed. */
export class Traffic implements AsyncDisposable {
  /** By partition, in milliseconds of the clock. */
  readonly arrivals: readonly number[][] = Array.from({ length: PARTITIONS }, () => [])
  written = 0
  readonly #producer: RecordProducer
  readonly #fetcher: Fetcher
  readonly #ending = new AbortController()
  readonly #loops: Promise<unknown>

  private constructor(port: KafkaPort, rows: number, from: readonly number[]) {
    const shared = { port, clock: systemClock, logger: silentLogger }
    this.#producer = plainProducer(port)
    this.#fetcher = new Fetcher({ ...shared, isolation: 'read_committed', onArrival: () => {} })
    for (const [partition, offset] of from.entries()) {
      this.#fetcher.assign(seen.name, partition, offset)
    }
    this.#loops = Promise.all([this.#write(rows), this.#read()])
  }

  static async begin(port: KafkaPort, rows: number): Promise<Traffic> {
    return new Traffic(port, rows, await ends(port, seen.name))
  }

  async #write(rows: number): Promise<void> {
    await this.#producer.init()
    const startMs = systemClock.nowMs()
    while (!this.#ending.signal.aborted) {
      const nowMs = systemClock.nowMs()
      const due = ((nowMs - startMs) * RECORDS_PER_SECOND) / 1_000
      for (; this.written < due; this.written += 1) {
        const key = Buffer.from(visitor((this.written * 7_919) % rows))
        this.#producer.send(visits.name, null, nowMs, key, Buffer.from(PADDING), noHeaders)
      }
      await systemClock.sleep(TICK_MS)
    }
    await this.#producer.flush()
    await this.#producer.close()
  }

  async #read(): Promise<void> {
    while (!this.#ending.signal.aborted) {
      for (const [partition, arrivals] of this.arrivals.entries()) {
        const run = this.#fetcher.take(seen.name, partition)
        while (run?.next() === true) arrivals.push(systemClock.nowMs())
      }
      await systemClock.sleep(TICK_MS)
    }
    await this.#fetcher.close()
  }

  /** The longest time between two arrivals of a partition, from then on. */
  longestGapMs(partition: number, sinceMs: number): number {
    const times = [sinceMs, ...(this.arrivals[partition] ?? []).filter((at) => at > sinceMs)]
    return times.reduce((most, at, index) => Math.max(most, at - (times[index - 1] ?? at)), 0)
  }

  /** When the first record of a partition came, after this. */
  firstAfter(partition: number, sinceMs: number): number | undefined {
    return this.arrivals[partition]?.find((at) => at > sinceMs)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort()
    await this.#loops
  }
}

export interface Instance {
  readonly worker: WorkerProcess
  readonly metrics: () => Promise<string>
  /** The partitions whose tasks run here. */
  readonly running: () => Promise<readonly number[]>
}

/** Processes of one application, each with a directory of its own. */
export class Instances implements AsyncDisposable {
  readonly #options: Readonly<Record<string, string>>
  readonly #directories: string[] = []
  readonly #workers: WorkerProcess[] = []

  constructor(options: Readonly<Record<string, string>>) {
    this.#options = options
  }

  async start(): Promise<Instance> {
    const directory = await mkdtemp(join(tmpdir(), 'millrace-takeover-'))
    this.#directories.push(directory)
    const [httpPort] = await freePorts(1)
    const worker = startWorker(MODULE, {
      'state-dir': directory,
      'cache-max-bytes': '0',
      'checkpoint-interval': '1s',
      http: `127.0.0.1:${httpPort}`,
      'log-level': 'info',
      ...this.#options,
    })
    this.#workers.push(worker)
    const get = async (path: string): Promise<string> => {
      const answer = await fetch(`http://127.0.0.1:${httpPort}${path}`).catch(() => undefined)
      return answer === undefined ? '' : answer.text()
    }
    return {
      worker,
      metrics: () => get('/metrics'),
      running: async () => {
        const text = await get('/state')
        const { threads } = JSON.parse(text === '' ? '{"threads":[]}' : text) as {
          threads: { tasks: { id: string; state: string }[] }[]
        }
        return threads
          .flatMap(({ tasks }) => tasks)
          .filter(({ state }) => state === 'running')
          .map(({ id }) => Number(id.split('_')[1]))
      },
    }
  }

  get output(): string {
    return this.#workers.map((worker) => worker.output()).join('\n\n')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const worker of this.#workers) await worker[Symbol.asyncDispose]()
    for (const directory of this.#directories) {
      await rm(directory, { recursive: true, force: true })
    }
  }
}

/** By metric name, the values of its samples. */
export const valuesOf = (metrics: string, name: string): readonly number[] =>
  metrics
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`))
    .map((line) => Number(line.slice(line.lastIndexOf(' ') + 1)))

/** Every partition runs in one of them, and all input is processed. */
export async function settled(
  port: KafkaPort,
  applicationId: string,
  instances: readonly Instance[],
): Promise<void> {
  const partitions = Array.from({ length: PARTITIONS }, (_, partition) => partition)
  const running = async (): Promise<readonly number[]> =>
    (await Promise.all(instances.map((each) => each.running()))).flat().toSorted((a, b) => a - b)
  await expect.poll(running, { timeout: SETTLED_WITHIN_MS }).toEqual(partitions)
  const behind = async (): Promise<number> => {
    const asked = partitions.map((partition) => ({ topic: visits.name, partition }))
    const committed = await port.offsetFetch(applicationId, asked, false)
    const found = await ends(port, visits.name)
    return committed.reduce((sum, { offset }, at) => sum + (found[at] ?? 0) - (offset ?? 0), 0)
  }
  await expect.poll(behind, { timeout: SETTLED_WITHIN_MS }).toBeLessThan(RECORDS_PER_SECOND)
}
