/** What a task keeps goes on in its trace: in caches and windows, over a crash and a restart. */
import { describe, expect, test } from 'vitest'
import { deadLetters, fixed, json, string, topic, topology, tumbling, windowed } from 'millrace'
import { TopologyTestDriver } from 'millrace/testing'
import { headerText } from '../../core/record.ts'
import { Disk, Simulation, START_MS } from '../simulation.fixtures.ts'
import { api, Spans, textHeader, type SeenSpan } from './spans.fixtures.ts'

const input = topic('numbers', { key: string, value: json<number>() })
const output = topic('results', { key: string, value: json<number>() })

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const sender = (digit: number) => [
  textHeader('traceparent', `00-${TRACE}-${String(digit).repeat(16)}-01`),
]
const parentOf = ({ traceId, spanId }: SeenSpan): string => `00-${traceId}-${spanId}-01`

describe('an update', () => {
  test('that leaves the cache goes out with the span of the record that made it', async () => {
    const counting = topology('counting', (builder) => {
      builder.stream(input).groupByKey().count({ store: 'counts' }).toStream().to(output)
    })
    using spans = new Spans()
    await using driver = new TopologyTestDriver(counting, { tracing: api, cacheMaxBytes: 100_000 })
    await driver.input(input).send('a', 1, { headers: sender(1) })
    const [sent] = driver.output(output).records()
    expect(headerText(sent!.headers, 'traceparent')).toBe(parentOf(spans.all[0]!))
  })

  test('of a window that closes goes out with the span of the record that closed it', async () => {
    const results = topic('results', { key: windowed(string, '1s'), value: json<number>() })
    const closing = topology('closing', (builder) => {
      builder
        .stream(input)
        .groupByKey()
        .windowedBy(tumbling('1s', { grace: '0s', emit: 'on-close' }))
        .count({ store: 'counts' })
        .toStream()
        .to(results)
    })
    using spans = new Spans()
    await using driver = new TopologyTestDriver(closing, { tracing: api })
    await driver.input(input).send('a', 1, { headers: sender(1), timestampMs: 1_000 })
    await driver.input(input).send('b', 1, { headers: sender(2), timestampMs: 2_000 })
    const [sent] = driver.output(results).records()
    expect(headerText(sent!.headers, 'traceparent')).toBe(parentOf(spans.all[1]!))
  })

  test('of a join without a partner goes out with the span of the record that moved the time', async () => {
    const other = topic('others', { key: string, value: json<number>() })
    const joined = topology('joined', (builder) => {
      builder
        .stream(input)
        .leftJoin(builder.stream(other), (left, right) => left + (right ?? 0), {
          within: '1s',
          grace: '0s',
          store: 'pairs',
        })
        .to(output)
    })
    using spans = new Spans()
    await using driver = new TopologyTestDriver(joined, { tracing: api })
    await driver.input(input).send('a', 1, { headers: sender(1), timestampMs: 0 })
    await driver.input(input).send('b', 2, { headers: sender(2), timestampMs: 9_000 })
    const [sent] = driver.output(output).records()
    expect(sent).toMatchObject({ key: 'a', value: 1 })
    expect(headerText(sent!.headers, 'traceparent')).toBe(parentOf(spans.all[1]!))
  })
})

test('what the log says of a record that failed names its span', async () => {
  const failing = topology('failing', { onFailure: 'skip' }, (builder) => {
    builder.stream(input).forEach((value) => {
      throw new Error(`${value} is wrong`)
    })
  })
  using spans = new Spans()
  using simulation = new Simulation()
  simulation.cluster.createTopic('numbers', 1)
  await simulation.clock.run(async () => {
    const how = { topology: failing, tracing: api, disk: new Disk() }
    const life = simulation.start({ ...how, clientId: 'one' })
    const record = { topic: 'numbers', key: 'a', value: '7', timestampMs: START_MS }
    simulation.write([{ ...record, headers: sender(1) }], 1)
    const line = () => life.notes.find(({ message }) => message === 'record skipped')
    await simulation.until(() => line() !== undefined, 'it is skipped')
    const spanId = spans.all[0]?.spanId
    expect(line()?.fields).toMatchObject({ offset: 0, trace_id: TRACE, span_id: spanId })
    await life.stop()
  })
})

test('a record that waits for another attempt goes on in its trace in another process', async () => {
  const calling = topology('calling', { deadLetters: deadLetters('failed') }, (builder) => {
    builder
      .stream(input)
      .mapValues(
        (value) => {
          if (!answers) throw new Error('nobody answers')
          return value
        },
        { name: 'call', retry: { attempts: 1_000, backoff: fixed('1s') } },
      )
      .to(output)
  })
  let answers = false
  using spans = new Spans()
  using simulation = new Simulation()
  const { clock, cluster } = simulation
  for (const name of ['numbers', 'results', 'failed']) cluster.createTopic(name, 1)
  await clock.run(async () => {
    const how = { topology: calling, tracing: api }
    const first = simulation.start({ ...how, disk: new Disk(), clientId: 'one' })
    await simulation.until(() => first.thread.state === 'running', 'it runs')
    const record = { topic: 'numbers', key: 'a', value: '7', timestampMs: START_MS }
    simulation.write([{ ...record, headers: sender(1) }], 1)
    await simulation.until(() => simulation.hasCommitted('calling', ['numbers'], 1), 'it waits')
    first.crash()
    answers = true
    const next = simulation.start({ ...how, disk: new Disk(), clientId: 'two' })
    const resumed = (): SeenSpan | undefined =>
      spans.all.findLast(({ name }) => name === 'resume numbers')
    await simulation.until(() => resumed()?.failed === false, 'it is tried again')
    await simulation.until(
      () => simulation.committed('results', 1)[0]!.length === 1,
      'it is answered',
    )
    const [sent] = simulation.committed('results', 1)[0]!
    expect(headerText(sent!.headers, 'traceparent')).toBe(parentOf(resumed()!))
    const [processed] = spans.all
    expect(resumed()).toMatchObject({ traceId: TRACE, parentId: processed?.spanId })
    expect(processed).toMatchObject({ name: 'process numbers', parentId: '1'.repeat(16) })
    await next.stop()
  })
})
