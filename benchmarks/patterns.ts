/**
 * What does a pattern cost a record, beside a passthrough of the same records? One JSON line a
 * case, in CPU time: a task with its stores in LMDB and no Kafka, so that nothing else is measured.
 *
 *     node --conditions=millrace-source benchmarks/patterns.ts [--only buffer] [--records 200000]
 *       [--cache]
 */
import { parseArgs } from 'node:util'
import { fixed, json, string, topic, topology, type FixedKeyProcessor, type Stream } from 'millrace'
import { LocalTask, type Sent } from './harness/local-task.ts'

const { values: options } = parseArgs({
  options: {
    only: { type: 'string' },
    records: { type: 'string', default: '200000' },
    cache: { type: 'boolean', default: false },
  },
})
const RECORDS = Number(options.records)
const START_MS = 1_700_000_000_000
const KEYS = 10_000
/** Between two commits, each with a checkpoint. */
const COMMIT_RECORDS = 20_000

interface Payment {
  readonly paymentId: string
  readonly amount: number
}

const input = topic('input', { key: string, value: json<Payment>() })
const output = topic('output', { key: string, value: json<unknown>() })

const value = Buffer.from('{"paymentId":"p-1","customer":"c-1","amount":12.5,"currency":"EUR"}')

/** A key comes twice every twenty seconds of event time. */
function* payments(): Generator<Sent, never> {
  for (let at = 0; ; at++) {
    const key = `key-${(Math.floor(at / 2) * 7919) % KEYS}`
    yield { topic: input.name, key, value, timestampMs: START_MS + at }
  }
}

const settingTimers = (cancels: boolean): FixedKeyProcessor<string, Payment, number> => ({
  process: ({ timestampMs }, { timers }) => {
    if (cancels) timers.cancel('expire')
    timers.set('expire', timestampMs + (cancels ? 60_000 : 1_000), 'event-time')
  },
  onTimer: ({ atMs }, { forward }) => forward({ value: atMs }),
})

let calls = 0
const flaky = (payment: Payment): Payment => {
  calls += 1
  if (calls % 100 === 0) throw new Error('not now')
  return payment
}

type Payments = Stream<string, Payment>
const retry = { attempts: 100, backoff: fixed('10ms') }
const limit = { name: 'limit', records: 1, clock: 'event-time' } as const

const cases: Readonly<Record<string, (stream: Payments) => void>> = {
  passthrough: (stream) => stream.to(output),
  'retry, nothing fails': (stream) =>
    stream.mapValues((payment) => payment, { name: 'step', retry }).to(output),
  'retry, one in a hundred fails': (stream) =>
    stream.mapValues(flaky, { name: 'step', retry }).to(output),
  'rateLimit, within the limit': (stream) =>
    stream.rateLimit({ ...limit, records: 1_000, per: '1s', overflow: 'drop' }).to(output),
  'rateLimit, nine of ten dropped': (stream) =>
    stream.rateLimit({ ...limit, per: '100s', overflow: 'drop' }).to(output),
  'rateLimit, half delayed': (stream) =>
    stream.rateLimit({ ...limit, per: '10s', overflow: 'delay' }).to(output),
  'buffer by key, 20 records': (stream) =>
    stream.buffer({ name: 'buffer', records: 20 }).to(output),
  'buffer by key, 20 records or 1 s': (stream) =>
    stream.buffer({ name: 'buffer', records: 20, time: '1s' }).to(output),
  'buffer by partition, 100 records': (stream) =>
    stream
      .buffer({ name: 'buffer', records: 100, by: 'partition' })
      .map((batch) => ['batch', batch])
      .to(output),
  'timers, one set and fired': (stream) =>
    stream.processValues(settingTimers(false), { name: 'step', timers: 'timers' }).to(output),
  'timers, one cancelled and set': (stream) =>
    stream.processValues(settingTimers(true), { name: 'step', timers: 'timers' }).to(output),
}

async function measured(name: string, build: (stream: Payments) => void): Promise<object> {
  const task = new LocalTask({
    topology: topology('patterns', (builder) => build(builder.stream(input))),
    inputs: [input.name],
    output: output.name,
    commitRecords: COMMIT_RECORDS,
    ...(options.cache ? { cacheMaxBytes: 10 * 1024 * 1024 } : {}),
  })
  const sent = payments()
  const next = (): Sent => sent.next().value
  task.send(RECORDS, next)
  const before = task.outputs
  const cpuMicrosPerRecord = task.send(RECORDS, next)
  const outputs = task.outputs - before
  await task.close()
  return { benchmark: 'patterns', case: name, records: RECORDS, outputs, cpuMicrosPerRecord }
}

for (const [name, build] of Object.entries(cases)) {
  if (!name.includes(options.only ?? '')) continue
  process.stdout.write(`${JSON.stringify(await measured(name, build))}\n`)
}
