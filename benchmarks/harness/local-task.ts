/** A task that is fed by hand, with its stores in LMDB and no Kafka: nothing else is measured. */
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Topology } from 'millrace'
import { systemClock } from '../../src/core/clock.ts'
import { silentLogger } from '../../src/core/logger.ts'
import { newThreadCounters } from '../../src/core/metrics.ts'
import { noHeaders, type Headers, type RawRecord } from '../../src/core/record.ts'
import { yieldToEventLoop } from '../../src/core/yield.ts'
import type { RecordRun } from '../../src/kafka/client/record-run.ts'
import { Task } from '../../src/runtime/task/task.ts'
import type { OpenTelemetry } from '../../src/runtime/tracing/open-telemetry.ts'
import { openLmdbBackend } from '../../src/state/lmdb/lmdb-backend.ts'
import { memoryBackend } from '../../src/state/memory/memory-backend.ts'

export interface Sent {
  readonly topic: string
  readonly key: string
  readonly value: Uint8Array
  readonly timestampMs: number
  /** None by default. */
  readonly headers?: Headers
}

export interface LocalTaskOptions {
  readonly topology: Topology
  readonly inputs: readonly string[]
  readonly output: string
  /** Between two commits, each with a checkpoint. */
  readonly commitRecords: number
  /** Of the record cache; none by default. */
  readonly cacheMaxBytes?: number
  /** None by default. */
  readonly tracing?: OpenTelemetry | undefined
}

/** Between two looks for wall-clock timers that are due. */
const TIMERS_EVERY = 32
const TIMERS_AT_ONCE = 16

export class LocalTask {
  readonly #directory = mkdtempSync(join(tmpdir(), 'millrace-task-'))
  readonly #backend = openLmdbBackend(this.#directory)
  readonly #memory = memoryBackend()
  readonly #waiting: Sent[] = []
  readonly #task: Task
  readonly #commitRecords: number
  #sent = 0
  outputs = 0

  constructor(options: LocalTaskOptions) {
    const { topology, inputs, output, commitRecords, cacheMaxBytes = 0, tracing } = options
    this.#commitRecords = commitRecords
    this.#task = new Task({
      id: '0_0',
      topology,
      applicationId: topology.name,
      sources: inputs.map((topic) => ({ topic, partition: 0 })),
      partitions: 1,
      supply: {
        take: (name) => this.#take(name),
        mayHaveMore: () => false,
        heardMs: () => -1,
        wake: () => {},
      },
      collector: {
        send: (name) => {
          if (name === output) this.outputs++
        },
        partitionCount: () => 1,
      },
      backend: (kind) => (kind === 'memory' ? this.#memory : this.#backend),
      clock: systemClock,
      logger: silentLogger,
      counters: newThreadCounters(),
      cacheMaxBytes,
      readCacheMaxBytes: 8 * 1024 * 1024,
      onCommitRequest: () => {},
      openSerde: () => {},
      tracing,
    })
    this.#task.start(inputs.map((topic) => ({ topic, partition: 0, offset: 0, metadata: '' })))
  }

  #take(name: string): RecordRun | undefined {
    const sent = this.#waiting[0]
    if (sent === undefined || sent.topic !== name) return undefined
    this.#waiting.length = 0
    const { topic, value, timestampMs, headers = noHeaders } = sent
    const key = Buffer.from(sent.key)
    return runOf({ topic, partition: 0, offset: 0, timestampMs, key, value, headers })
  }

  /** CPU microseconds a record. */
  send(records: number, next: () => Sent): number {
    const start = process.cpuUsage()
    for (let index = 0; index < records; index++) this.#sendOne(index, next())
    return microsPerRecord(start, records)
  }

  /** For steps whose calls have an answer when the event loop has had a turn. */
  async sendAwaiting(records: number, next: () => Sent): Promise<number> {
    const start = process.cpuUsage()
    for (let index = 0; index < records; index++) {
      if (index % TIMERS_EVERY === 0) {
        await yieldToEventLoop()
        this.#task.fireTimers(systemClock.nowMs(), 2 * TIMERS_EVERY)
      }
      this.#sendOne(index, next())
    }
    return microsPerRecord(start, records)
  }

  #sendOne(index: number, sent: Sent): void {
    this.#waiting.push(sent)
    if (index % TIMERS_EVERY === 0) {
      this.#task.fireTimers(systemClock.nowMs(), TIMERS_AT_ONCE)
    }
    while (this.#task.process(1) > 0);
    if (++this.#sent % this.#commitRecords === 0) this.#commit()
  }

  #commit(): void {
    this.#task.prepareCommit()
    this.#task.committed()
    const { stores } = this.#task
    stores.beginCheckpoint(() => 1)
    while (stores.isCheckpointing) stores.writeSlice()
  }

  /** In the local store, whatever can be seen of them. */
  rows(store: string): number {
    return this.#backend.store(store).approximateCount()
  }

  get diskBytes(): number {
    return statSync(join(this.#directory, 'data.mdb')).size
  }

  async close(): Promise<void> {
    this.#task.close()
    await this.#backend.close()
    rmSync(this.#directory, { recursive: true })
  }
}

function microsPerRecord(start: NodeJS.CpuUsage, records: number): number {
  const { user, system } = process.cpuUsage(start)
  return Number(((user + system) / records).toFixed(2))
}

function runOf(record: RawRecord): RecordRun {
  let isRead = false
  return {
    ...record,
    next: () => {
      const isFirst = !isRead
      isRead = true
      return isFirst
    },
    endOffset: record.offset + 1,
    sizeBytes: 0,
  }
}
