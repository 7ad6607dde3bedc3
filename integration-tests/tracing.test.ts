/** One record is followed through two chained tasks on a real Kafka, in threads of a process. */
import { readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, inject, test } from 'vitest'
import { headerText } from '../src/core/record.ts'
import { connectTo, createTopics, uniqueName, write } from './support/kafka-client.ts'
import { readAll } from './support/orders-account.ts'
import { Project, repository } from './support/millrace-command.ts'

const brokers = inject('kafkaBrokers')

const topologyOf = (name: string): string => `
  import { json, string, topic, topology } from 'millrace'
  const numbers = topic('${name}.numbers', { key: string, value: json<number>() })
  const counts = topic('${name}.counts', { key: string, value: json<number>() })
  export default topology('${name}', (builder) => {
    builder
      .stream(numbers)
      .groupBy((value) => 'group-' + (value % 2), { name: 'by-parity' })
      .count({ store: 'counts' })
      .toStream()
      .to(counts)
  })`

/** Keeps the spans of its thread, and writes them down when it is shut down. */
const sdk = `
  import { appendFileSync } from 'node:fs'
  import { trace } from '@opentelemetry/api'
  import {
    BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor,
  } from '@opentelemetry/sdk-trace-base'
  const exporter = new InMemorySpanExporter()
  const spanProcessors = [new SimpleSpanProcessor(exporter)]
  const provider = new BasicTracerProvider({ spanProcessors })
  trace.setGlobalTracerProvider(provider)
  provider.shutdown = async () => {
    for (const span of exporter.getFinishedSpans()) {
      const { traceId, spanId } = span.spanContext()
      const parentId = span.parentSpanContext?.spanId
      const line = JSON.stringify({ name: span.name, traceId, spanId, parentId })
      appendFileSync('spans.jsonl', line + '\\n')
    }
  }`

interface WrittenSpan {
  readonly name: string
  readonly traceId: string
  readonly spanId: string
  readonly parentId?: string
}

const ways = [
  ['a module', `${sdk}\nexport default provider`, ['--tracing', './sdk.mjs'], {}],
  ['--import', sdk, ['--tracing', 'on'], { NODE_OPTIONS: '--import ./sdk.mjs' }],
] as const

test.each(ways)('set up by %s', async (_, module, args, env) => {
  const name = uniqueName()
  const [numbers, counts] = [`${name}.numbers`, `${name}.counts`]
  await using port = await connectTo(brokers)
  await createTopics(port, [numbers, counts], 2)
  using project = new Project({ 'topology.ts': topologyOf(name), 'sdk.mjs': module })
  symlinkSync(
    join(repository, 'node_modules/@opentelemetry'),
    join(project.folder, 'node_modules/@opentelemetry'),
  )
  const work = ['--brokers', brokers.join(','), '--threads', '2', '--log-format', 'json']
  const emitAll = ['--cache-max-bytes', '0']
  await using app = project.start(['run', 'topology.ts', ...work, ...emitAll, ...args], env)
  await app.says('application running')
  await write(port, numbers, [
    ['a', '1'],
    ['b', '2'],
    ['c', '3'],
  ])
  const written = async (): Promise<number> => (await readAll(port, counts)).length
  await expect.poll(written, { timeout: 30_000 }).toBe(3)
  app.signal('SIGTERM')
  expect(await app.finished).toMatchObject({ code: 0, stderr: '' })

  const lines = readFileSync(join(project.folder, 'spans.jsonl'), 'utf8').trim().split('\n')
  const spans = lines.map((line) => JSON.parse(line) as WrittenSpan)
  const roots = spans.filter((span) => span.name === `process ${numbers}`)
  const nexts = spans.filter((span) => span.name === `process ${name}-by-parity-repartition`)
  expect([roots.length, nexts.length, spans.length]).toEqual([3, 3, 6])
  expect(roots.every(({ parentId }) => parentId === undefined)).toBe(true)
  const parents = nexts.map(({ traceId, parentId }) => ({ traceId, spanId: parentId }))
  expect(parents).toEqual(
    expect.arrayContaining(roots.map(({ traceId, spanId }) => ({ traceId, spanId }))),
  )
  const sent = (await readAll(port, counts)).map((each) => headerText(each.headers, 'traceparent'))
  const expected = nexts.map(({ traceId, spanId }) => `00-${traceId}-${spanId}-01`)
  expect(sent).toHaveLength(3)
  expect(new Set(sent)).toEqual(new Set(expected))
})
