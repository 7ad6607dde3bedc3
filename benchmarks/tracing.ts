/**
 * What does tracing cost a record of a passthrough, JSON in and out? One JSON line a case, in turn.
 *
 *     node --conditions=millrace-source benchmarks/tracing.ts [--records 300000] [--rounds 1]
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { parseArgs } from 'node:util'
import * as api from '@opentelemetry/api'
import {
  BasicTracerProvider,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import { json, string, topic, topology } from 'millrace'
import { noHeaders, type Headers } from '../src/core/record.ts'
import { LocalTask, type Sent } from './harness/local-task.ts'

const { values: options } = parseArgs({
  options: {
    records: { type: 'string', default: '300000' },
    rounds: { type: 'string', default: '1' },
  },
})
const records = Number(options.records)

interface Order {
  readonly amount: number
}
const input = topic('input', { key: string, value: json<Order>() })
const output = topic('output', { key: string, value: json<Order>() })
const passthrough = topology('passthrough', (builder) => {
  builder
    .stream(input)
    .mapValues((order) => ({ ...order, amount: order.amount + 1 }))
    .to(output)
})

/** Spans are made and let go of: who sends them, and where to, is not ours to measure. */
const nowhere: SpanProcessor = {
  onStart: () => {},
  onEnd: () => {},
  forceFlush: () => Promise.resolve(),
  shutdown: () => Promise.resolve(),
}

/** What an SDK of Node brings along, so that calls of a step know their span. */
function contextManager(): api.ContextManager {
  const storage = new AsyncLocalStorage<api.Context>()
  const manager: api.ContextManager = {
    active: () => storage.getStore() ?? api.ROOT_CONTEXT,
    with: (context, work, thisArgument, ...rest) =>
      storage.run(context, () => work.apply(thisArgument, rest)),
    bind: (_, target) => target,
    enable: () => manager,
    disable: () => manager,
  }
  return manager
}

const parent = (flags: string): Headers => [
  ['traceparent', Buffer.from(`00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-${flags}`)],
]

interface Case {
  readonly name: string
  /** Of records that begin a trace; undefined: tracing is off. */
  readonly ratio: number | undefined
  readonly headers: Headers
}
const cases: readonly Case[] = [
  { name: 'off', ratio: undefined, headers: noHeaders },
  { name: 'off, with a traceparent', ratio: undefined, headers: parent('00') },
  { name: 'not sampled by the sender', ratio: 1, headers: parent('00') },
  { name: 'not sampled here', ratio: 0, headers: noHeaders },
  { name: 'one in a hundred', ratio: 0.01, headers: noHeaders },
  { name: 'all, begun here', ratio: 1, headers: noHeaders },
  { name: 'all, begun by the sender', ratio: 1, headers: parent('01') },
]

const value = Buffer.from(JSON.stringify({ amount: 12.5, sku: 'tea', note: 'x'.repeat(120) }))

async function measure({ name, ratio, headers }: Case): Promise<void> {
  if (ratio !== undefined) {
    api.trace.setGlobalTracerProvider(
      new BasicTracerProvider({
        sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) }),
        spanProcessors: [nowhere],
      }),
    )
    api.context.setGlobalContextManager(contextManager())
  }
  const task = new LocalTask({
    topology: passthrough,
    inputs: [input.name],
    output: output.name,
    commitRecords: 20_000,
    tracing: ratio === undefined ? undefined : api,
  })
  let sent = 0
  const next = (): Sent => {
    sent += 1
    return { topic: input.name, key: `key-${sent % 10_000}`, value, timestampMs: sent, headers }
  }
  task.send(records / 10, next)
  const micros = task.send(records, next)
  process.stdout.write(`${JSON.stringify({ case: name, cpuMicrosPerRecord: micros })}\n`)
  await task.close()
  api.trace.disable()
  api.context.disable()
}

for (let round = 0; round < Number(options.rounds); round += 1) {
  for (const each of cases) await measure(each)
}
