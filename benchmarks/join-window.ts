/**
 * Does a record of a stream join cost more when the window holds more? One JSON line a case, in CPU
 * time: a task with its stores in LMDB and no Kafka, so that nothing else is measured.
 *
 * - `fresh`: every order has a key of its own, and a payment a moment later.
 * - `spread`: the keys come again and again, so that each has a few records in the window, most of
 *   them on disk.
 * - `hot`: all orders have one key and none has a partner; the window holds so many of them. Then
 *   payments come that meet every one: a match costs as much, however many there are.
 *
 *     node --conditions=millrace-source benchmarks/join-window.ts [--left]
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { json, string, topic, topology } from 'millrace'
import { systemClock } from '../src/core/clock.ts'
import { silentLogger } from '../src/core/logger.ts'
import { newThreadCounters } from '../src/core/metrics.ts'
import { noHeaders, type RawRecord } from '../src/core/record.ts'
import type { RecordRun } from '../src/kafka/client/record-run.ts'
import { Task } from '../src/runtime/task/task.ts'
import { openLmdbBackend } from '../src/state/lmdb/lmdb-backend.ts'

const { values: options } = parseArgs({ options: { left: { type: 'boolean', default: false } } })
const START_MS = 1_700_000_000_000
const WINDOW_MS = 300_000
/** Between two commits, each with a checkpoint. */
const COMMIT_RECORDS = 20_000
const MEASURED = 100_000
const HOT_PAYMENTS = 20

interface Sent {
  readonly name: 'orders' | 'payments'
  readonly key: string
  readonly timestampMs: number
}

const orders = topic('orders', { key: string, value: json<object>() })
const payments = topic('payments', { key: string, value: json<object>() })
const output = topic('output', { key: string, value: json<object>() })
const shop = topology('shop', (builder) => {
  const [left, right] = [builder.stream(orders), builder.stream(payments)]
  const window = { within: '5m', grace: '1m', store: 'order-payment' } as const
  const both = (one: object, other: object | null): object => ({ ...one, ...other })
  const joined = options.left ? left.leftJoin(right, both, window) : left.join(right, both, window)
  joined.to(output)
})

const order = Buffer.from(
  '{"orderId":"o-1","customerId":"c-1","eventType":"ORDER_CREATED","amount":12.5,"currency":"EUR"}',
)
const payment = Buffer.from('{"paymentId":"p-1","eventType":"PAYMENT_RECEIVED","method":"CARD"}')

/** A task that is fed by hand. */
class Shop {
  readonly #directory = mkdtempSync(join(tmpdir(), 'millrace-join-'))
  readonly #backend = openLmdbBackend(this.#directory)
  readonly #waiting: Sent[] = []
  readonly #task: Task
  outputs = 0

  constructor() {
    this.#task = new Task({
      id: '0_0',
      topology: shop,
      applicationId: 'shop',
      sources: ['orders', 'payments'].map((name) => ({ topic: name, partition: 0 })),
      partitions: 1,
      supply: {
        take: (name) => this.#take(name),
        mayHaveMore: () => false,
        heardMs: () => -1,
        wake: () => {},
      },
      collector: {
        send: (name) => {
          if (name === output.name) this.outputs++
        },
        partitionCount: () => 1,
      },
      backend: () => this.#backend,
      clock: systemClock,
      logger: silentLogger,
      counters: newThreadCounters(),
      cacheMaxBytes: 0,
      readCacheMaxBytes: 8 * 1024 * 1024,
      onCommitRequest: () => {},
      openSerde: () => {},
    })
    this.#task.start(
      ['orders', 'payments'].map((name) => ({
        topic: name,
        partition: 0,
        offset: 0,
        metadata: '',
      })),
    )
  }

  #take(name: string): RecordRun | undefined {
    const sent = this.#waiting[0]
    if (sent === undefined || sent.name !== name) return undefined
    this.#waiting.length = 0
    return runOf({
      topic: name,
      partition: 0,
      offset: 0,
      timestampMs: sent.timestampMs,
      key: Buffer.from(sent.key),
      value: name === 'orders' ? order : payment,
      headers: noHeaders,
    })
  }

  /** CPU microseconds a record. */
  send(records: number, sentOf: (index: number) => Sent): number {
    const start = process.cpuUsage()
    for (let index = 0; index < records; index++) {
      this.#waiting.push(sentOf(index))
      this.#task.process(1)
      if (index % COMMIT_RECORDS === COMMIT_RECORDS - 1) this.#commit()
    }
    const { user, system } = process.cpuUsage(start)
    return Number(((user + system) / records).toFixed(2))
  }

  #commit(): void {
    this.#task.prepareCommit()
    this.#task.committed()
    const { stores } = this.#task
    stores.beginCheckpoint(() => 1)
    while (stores.isCheckpointing) stores.writeSlice()
  }

  async close(): Promise<void> {
    this.#task.close()
    await this.#backend.close()
    rmSync(this.#directory, { recursive: true })
  }
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

const MOMENT_RECORDS = 500

const fresh = (keys: number): Promise<object> =>
  measured('fresh', keys, (at) => (at % 2 === 0 ? at : at - 1 - MOMENT_RECORDS))

const spread = (keys: number): Promise<object> =>
  measured('spread', keys, (at) => (Math.floor(at / 2) * 7919) % keys)

/** So often that the window holds as many keys as it ever will. */
async function measured(
  name: string,
  keys: number,
  keyOf: (at: number) => number,
): Promise<object> {
  const running = new Shop()
  const stepMs = WINDOW_MS / keys
  let sent = 0
  const next = (): Sent => {
    const at = sent++
    return {
      name: at % 2 === 0 ? 'orders' : 'payments',
      key: `key-${keyOf(at)}`,
      timestampMs: START_MS + Math.floor((at * stepMs) / 2),
    }
  }
  running.send(2 * keys, next)
  const before = running.outputs
  const cpuMicrosPerRecord = running.send(MEASURED, next)
  const matchesPerRecord = Number(((running.outputs - before) / MEASURED).toFixed(2))
  await running.close()
  return { case: name, keys, cpuMicrosPerRecord, matchesPerRecord }
}

async function hot(records: number): Promise<object> {
  const running = new Shop()
  const stepMs = WINDOW_MS / records
  let sent = 0
  const nextOf = (name: Sent['name']) => (): Sent => ({
    name,
    key: 'hot',
    timestampMs: START_MS + Math.floor(sent++ * stepMs),
  })
  running.send(records, nextOf('orders'))
  const cpuMicrosPerRecord = running.send(MEASURED, nextOf('orders'))
  const before = running.outputs
  const eachPayment = running.send(HOT_PAYMENTS, nextOf('payments'))
  const matches = (running.outputs - before) / HOT_PAYMENTS
  await running.close()
  return {
    case: 'hot',
    records,
    cpuMicrosPerRecord,
    matchesPerPayment: Math.round(matches),
    cpuMicrosPerMatch: Number((eachPayment / matches).toFixed(2)),
  }
}

const benchmark = { benchmark: 'join-window', join: options.left ? 'left' : 'inner' }
for (const measure of [fresh, spread, hot]) {
  for (const size of [1_000, 10_000, 100_000]) {
    process.stdout.write(`${JSON.stringify({ ...benchmark, ...(await measure(size)) })}\n`)
  }
}
