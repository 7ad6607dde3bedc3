/** Records are followed by spans, with a real SDK and the test driver. */
import { AlwaysOffSampler, ParentBasedSampler, type Sampler } from '@opentelemetry/sdk-trace-base'
import { expect, test } from 'vitest'
import { deadLetters, exponential, json, string, topic, topology, type Topology } from 'millrace'
import { TopologyTestDriver } from 'millrace/testing'
import { headerText } from '../../core/record.ts'
import { api, asText, Spans, textHeader, type SeenSpan } from './spans.fixtures.ts'

const input = topic('numbers', { key: string, value: json<number>() })
const output = topic('results', { key: string, value: json<number>() })
const named = topic('groups', { key: string, value: json<number>() })
const failed = deadLetters('failed')

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const SPAN = 'b7ad6b7169203331'
const sentBy = (flags: '00' | '01') => [
  textHeader('own', 'kept'),
  textHeader('traceparent', `00-${TRACE}-${SPAN}-${flags}`),
]

/** Two sub-topologies, one after the other. */
const chained = topology('chained', (builder) => {
  builder
    .stream(input)
    .groupBy((value) => `group-${value % 2}`, { name: 'by-parity' })
    .count({ store: 'counts' })
    .toStream()
    .to(named)
})

const halved = topology('halved', { deadLetters: failed }, (builder) => {
  builder
    .stream(input)
    .mapValues((value) => {
      if (value % 2 === 1) throw new RangeError(`${value} has no half`)
      return value / 2
    })
    .to(output)
})

interface Traced {
  readonly driver: TopologyTestDriver
  readonly spans: Spans
}

async function play(
  run: Topology,
  scene: (traced: Traced) => Promise<void>,
  sampler?: Sampler,
): Promise<void> {
  using spans = new Spans(sampler)
  await using driver = new TopologyTestDriver(run, { tracing: api })
  await scene({ driver, spans })
}

const parentOf = ({ traceId, spanId }: SeenSpan): string => `00-${traceId}-${spanId}-01`

test('a span is the child of the one that sent the record, and sends on what it makes', async () => {
  await play(halved, async ({ driver, spans }) => {
    await driver.input(input).send('a', 4, { headers: sentBy('01') })
    const [span] = spans.all as [SeenSpan]
    expect(spans.all).toHaveLength(1)
    expect(span).toMatchObject({ name: 'process numbers', traceId: TRACE, parentId: SPAN })
    expect(span.attributes).toEqual({
      'messaging.system': 'kafka',
      'messaging.operation.name': 'process',
      'messaging.operation.type': 'process',
      'messaging.destination.name': 'numbers',
      'messaging.destination.partition.id': '0',
      'messaging.consumer.group.name': 'halved',
      'messaging.kafka.offset': 0,
      'millrace.task': '0_0',
    })
    const [sent] = driver.output(output).records()
    expect(asText(sent!.headers)).toEqual({ own: 'kept', traceparent: parentOf(span) })
  })
})

test('a record that nobody traced begins a trace', async () => {
  await play(halved, async ({ driver, spans }) => {
    await driver.input(input).send('a', 4)
    const [span] = spans.all as [SeenSpan]
    expect(span.parentId).toBeUndefined()
    const [sent] = driver.output(output).records()
    expect(asText(sent!.headers)).toEqual({ traceparent: parentOf(span) })
  })
})

test('one record is followed through a repartition topic, and not into a changelog', async () => {
  await play(chained, async ({ driver, spans }) => {
    await driver.input(input).send('a', 5, { headers: sentBy('01') })
    const [first, second] = spans.all as [SeenSpan, SeenSpan]
    expect(spans.all.map(({ name }) => name)).toEqual([
      'process numbers',
      'process chained-by-parity-repartition',
    ])
    expect([first.traceId, second.traceId]).toEqual([TRACE, TRACE])
    expect([first.parentId, second.parentId]).toEqual([SPAN, first.spanId])
    const [sent] = driver.output(named).records()
    expect(asText(sent!.headers)).toEqual({ own: 'kept', traceparent: parentOf(second) })
    const changelog = topic('chained-counts-changelog', { key: string, value: string })
    expect(driver.output(changelog).records()[0]?.headers).toEqual([])
  })
})

test('a failure is on the span, and its dead letter names it', async () => {
  await play(halved, async ({ driver, spans }) => {
    await driver.input(input).send('a', 5, { headers: sentBy('01') })
    const [span] = spans.all as [SeenSpan]
    expect(span).toMatchObject({ failed: true, events: ['exception'] })
    expect(span.attributes).toMatchObject({
      'error.type': 'PROCESSING_FAILED',
      'millrace.on_failure': 'dead-letter',
    })
    const [letter] = driver.deadLetters()
    expect(asText(letter!.headers)).toEqual({ own: 'kept', traceparent: parentOf(span) })
  })
})

test('a record that cannot be read has a span that failed', async () => {
  await play(halved, async ({ driver, spans }) => {
    await driver.input(input).sendBytes(Buffer.from('a'), Buffer.from('{'))
    expect(spans.all).toMatchObject([{ name: 'process numbers', failed: true }])
    expect(spans.all[0]?.attributes).toMatchObject({ 'error.type': 'SERDE_FAILED' })
  })
})

test('what waits for another attempt goes on in its trace', async () => {
  let attempts = 0
  const retried = topology('retried', { deadLetters: failed }, (builder) => {
    builder
      .stream(input)
      .mapValues(
        (value) => {
          attempts += 1
          if (attempts < 3) throw new Error('not yet')
          return value
        },
        { name: 'again', retry: { attempts: 5, backoff: exponential('1s', '1m') } },
      )
      .to(output)
  })
  await play(retried, async ({ driver, spans }) => {
    await driver.input(input).send('a', 4, { headers: sentBy('01') })
    await driver.advanceTime('1h')
    const [first, second, third] = spans.all as [SeenSpan, SeenSpan, SeenSpan]
    expect(spans.all.map(({ name }) => name)).toEqual([
      'process numbers',
      'resume numbers',
      'resume numbers',
    ])
    expect(first.events).toEqual(['retried later'])
    expect(third.attributes).toMatchObject({ 'millrace.attempt': 3, 'millrace.step': 'again' })
    expect([first.parentId, second.parentId]).toEqual([SPAN, first.spanId])
    expect(third.traceId).toBe(TRACE)
    const [sent] = driver.output(output).records()
    expect(asText(sent!.headers)).toEqual({ own: 'kept', traceparent: parentOf(third) })
  })
})

test('a batch is linked to all that it is made of', async () => {
  const batched = topology('batched', (builder) => {
    const batches = topic('batches', { key: string, value: json<readonly number[]>() })
    builder.stream(input).buffer({ name: 'three', records: 3 }).to(batches)
  })
  const batches = topic('batches', { key: string, value: json<readonly number[]>() })
  await play(batched, async ({ driver, spans }) => {
    for (const value of [1, 2, 3]) await driver.input(input).send('a', value)
    const resumed = spans.all.find(({ name }) => name === 'resume numbers') as SeenSpan
    const processed = spans.all.filter(({ name }) => name === 'process numbers')
    expect(resumed.links).toEqual(processed.slice(0, 2).map(({ spanId }) => spanId))
    expect(resumed.parentId).toBe(processed[2]?.spanId)
    const [sent] = driver.output(batches).records()
    expect(headerText(sent!.headers, 'traceparent')).toBe(parentOf(resumed))
  })
})

test('spans of a step are children of the record, also in an asynchronous call', async () => {
  const asked = topology('asked', (builder) => {
    builder
      .stream(input)
      .mapValuesAsync(
        async (value) => {
          await Promise.resolve()
          api.trace.getTracer('test').startSpan('call').end()
          return value
        },
        { name: 'ask' },
      )
      .to(output)
  })
  await play(asked, async ({ driver, spans }) => {
    await driver.input(input).send('a', 1)
    await driver.settled()
    const [process, call, resume] = ['process numbers', 'call', 'resume numbers'].map((name) =>
      spans.all.find((span) => span.name === name),
    )
    expect([call?.parentId, resume?.parentId]).toEqual([process?.spanId, process?.spanId])
  })
})

test('where the sender has not sampled, nothing is recorded and the record says so on', async () => {
  await play(chained, async ({ driver, spans }) => {
    await driver.input(input).send('a', 5, { headers: sentBy('00') })
    expect(spans.all).toEqual([])
    const [sent] = driver.output(named).records()
    expect(asText(sent!.headers)).toEqual({
      own: 'kept',
      traceparent: `00-${TRACE}-${SPAN}-00`,
    })
  })
})

test('spans of a step are not recorded either where the sender has not sampled', async () => {
  const seen: unknown[] = []
  const calling = topology('calling', (builder) => {
    builder.stream(input).forEach(() => {
      const span = api.trace.getTracer('test').startSpan('call')
      seen.push(span.spanContext().traceId, span.isRecording())
      span.end()
    })
  })
  await play(calling, async ({ driver, spans }) => {
    await driver.input(input).send('a', 1, { headers: sentBy('00') })
    expect(seen).toEqual([TRACE, false])
    expect(spans.all).toEqual([])
  })
})

test('what a step says of its own trace is left as it is', async () => {
  const other = `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`
  const forwarding = topology('forwarding', (builder) => {
    builder
      .stream(input)
      .process<string, number>(
        () => ({
          process: (record, context) =>
            context.forward({ ...record, headers: [textHeader('traceparent', other)] }),
        }),
        { name: 'own' },
      )
      .to(output)
  })
  await play(forwarding, async ({ driver }) => {
    await driver.input(input).send('a', 1, { headers: sentBy('01') })
    const [sent] = driver.output(output).records()
    expect(asText(sent!.headers)).toEqual({ traceparent: other })
  })
})

test('a record that is not sampled here is not sampled further on', async () => {
  const sampler = new ParentBasedSampler({ root: new AlwaysOffSampler() })
  await play(
    halved,
    async ({ driver, spans }) => {
      await driver.input(input).send('a', 4)
      await driver.input(input).send('b', 4, { headers: sentBy('01') })
      expect(spans.all).toMatchObject([{ traceId: TRACE }])
      const [first] = driver.output(output).records()
      expect(headerText(first!.headers, 'traceparent')).toMatch(/^00-\w{32}-\w{16}-00$/)
    },
    sampler,
  )
})

test('without an SDK headers are passed on as they are', async () => {
  await using driver = new TopologyTestDriver(halved, { tracing: api })
  await driver.input(input).send('a', 4, { headers: sentBy('01') })
  await driver.input(input).send('b', 4)
  const [first, second] = driver.output(output).records()
  expect(first?.headers).toEqual(sentBy('01'))
  expect(second?.headers).toEqual([])
})
