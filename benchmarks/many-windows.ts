/**
 * Does a task stay small, however many windows it has had? One JSON line for each tenth of the run:
 * CPU time, heap after a collection, rows and bytes on disk.
 *
 *     node --expose-gc --conditions=millrace-source benchmarks/many-windows.ts
 *       [--windows 1000000] [--keys 10000] [--commit 20000] [--kind tumbling|session]
 */
import { parseArgs } from 'node:util'
import {
  json,
  session,
  sessionWindowed,
  string,
  topic,
  topology,
  tumbling,
  windowed,
} from 'millrace'
import { LocalTask, type Sent } from './harness/local-task.ts'

const { values: options } = parseArgs({
  options: {
    windows: { type: 'string', default: '1000000' },
    keys: { type: 'string', default: '10000' },
    commit: { type: 'string', default: '20000' },
    kind: { type: 'string', default: 'tumbling' },
  },
})
const START_MS = 1_700_000_000_000
const SIZE_MS = 300_000
/** Of each window of a key. */
const RECORDS = 2
const windows = Number(options.windows)
const keys = Number(options.keys)

const orders = topic('orders', { key: string, value: json<{ readonly amount: number }>() })
const isSession = options.kind === 'session'
const output = topic('output', {
  key: isSession ? sessionWindowed(string) : windowed(string, '5m'),
  value: json<number | null>(),
})
const counting = topology('counting', (builder) => {
  const byKey = builder.stream(orders).groupByKey()
  const counted = isSession
    ? byKey.windowedBy(session('1m', { grace: '0ms' })).count({ store: 'windows' })
    : byKey.windowedBy(tumbling('5m', { grace: '0ms' })).count({ store: 'windows' })
  counted.toStream().to(output)
})

const value = Buffer.from('{"amount":12.5}')
let sent = 0
/** Round by round: each key has its records of a window, then the next window begins. */
const next = (): Sent => {
  const at = sent++
  const window = Math.floor(at / (keys * RECORDS))
  const within = Math.floor(((at % (keys * RECORDS)) / (keys * RECORDS)) * 60_000)
  return {
    topic: orders.name,
    key: `key-${at % keys}`,
    value,
    timestampMs: START_MS + window * SIZE_MS + within,
  }
}

const task = new LocalTask({
  topology: counting,
  inputs: [orders.name],
  output: output.name,
  commitRecords: Number(options.commit),
})
for (let tenth = 1; tenth <= 10; tenth++) {
  const cpuMicrosPerRecord = task.send(Math.round((windows * RECORDS) / 10), next)
  globalThis.gc?.()
  const line = {
    benchmark: 'many-windows',
    kind: options.kind,
    windows: Math.round((windows * tenth) / 10),
    cpuMicrosPerRecord,
    heapMb: Math.round(process.memoryUsage().heapUsed / 2 ** 20),
    rows: task.rows('windows'),
    diskMb: Math.round(task.diskBytes / 2 ** 20),
  }
  process.stdout.write(`${JSON.stringify(line)}\n`)
}
await task.close()
