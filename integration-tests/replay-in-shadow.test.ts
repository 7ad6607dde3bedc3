/** A mended topology is tried beside the application that still runs with the bug. */
import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest'
import { topicPartitionKey } from '../src/core/topic-partition.ts'
import type { KafkaPort } from '../src/kafka/port.ts'
import { connectTo, createTopics, uniqueName, write } from './support/kafka-client.ts'
import { Project, type Finished, type Running } from './support/millrace-command.ts'

const PARTITIONS = 3
const PAYMENTS = 3_000
const CUSTOMERS = 20

const brokers = inject('kafkaBrokers')
const name = uniqueName()
const shadow = `${name}-try`
const topology = (accepts: string): string => `
  import { deadLetters, json, string, topic, topology } from 'millrace'
  const payments = topic('${name}.payments', { key: string, value: json<any>() })
  const spending = topic('${name}.spending', { key: string, value: json<number>() })
  export default topology('${name}', { deadLetters: deadLetters('${name}.dead') }, (builder) => {
    builder
      .stream(payments)
      .filter((payment) => ${accepts})
      .groupBy((payment) => payment.customer, { name: 'by-customer' })
      .aggregate(() => 0, ({ cents }, total) => total + cents, { store: 'spent' })
      .toStream()
      .to(spending)
  })`
const buggy = topology('true')
const mended = topology('payment.customer !== "customer-7" || payment.cents > 0')
const project = new Project({ 'spending.ts': buggy })

const millrace = (...args: readonly string[]): Promise<Finished> =>
  project.millrace([...args], { MILLRACE_BROKERS: brokers.join(',') })

const payments = (from: number, count: number): readonly (readonly [string, string])[] =>
  Array.from({ length: count }, (_, index) => {
    const nth = from + index
    const customer = `customer-${nth % CUSTOMERS}`
    return [`p-${nth}`, JSON.stringify({ customer, cents: nth % 3 === 0 ? -1 : 5 })]
  })

async function lagOf(port: KafkaPort): Promise<number> {
  const topics = [`${name}.payments`, `${name}-by-customer-repartition`]
  const inputs = topics.flatMap((topic) =>
    Array.from({ length: PARTITIONS }, (_, partition) => ({ topic, partition })),
  )
  const ends = await port.listOffsets(inputs, 'latest', 'read_committed')
  const offsets = await port.offsetFetch(name, inputs, true)
  return offsets.reduce(
    (sum, { topic, partition, offset }) =>
      sum + (ends.get(topicPartitionKey(topic, partition)) ?? 0) - (offset ?? 0),
    0,
  )
}

let app: Running
let port: Awaited<ReturnType<typeof connectTo>>

beforeAll(async () => {
  port = await connectTo(brokers)
  const topics = [`${name}.payments`, `${name}.spending`, `${name}.dead`]
  await createTopics(port, topics, PARTITIONS)
  app = project.start(['run', 'spending.ts'], { MILLRACE_BROKERS: brokers.join(',') })
  await write(port, `${name}.payments`, payments(0, PAYMENTS))
  await vi.waitUntil(async () => (await lagOf(port).catch(() => 1)) === 0, {
    timeout: 60_000,
    interval: 200,
  })
})
afterAll(async () => {
  app.signal('SIGTERM')
  await app.finished
  await port[Symbol.asyncDispose]()
  project[Symbol.dispose]()
})

test('it reads what the application has read, and the outputs are compared by key', async () => {
  project.write('spending.ts', mended)
  const dry = await millrace(
    'replay',
    'spending.ts',
    '--shadow',
    shadow,
    '--to-earliest',
    '--dry-run',
  )
  expect(dry).toMatchObject({ code: 0, stderr: '' })
  expect(dry.stdout).toContain(`It writes to ${shadow}.${name}.spending, ${shadow}.${name}.dead.`)
  expect(await port.listGroups()).not.toContain(`${shadow}.until`)

  const run = await millrace('replay', 'spending.ts', '--shadow', shadow, '--to-earliest')
  expect(run).toMatchObject({ code: 0, stderr: '' })
  expect(run.stdout).toContain('done: ')
  // What the application does since then is not compared.
  await write(port, `${name}.payments`, payments(PAYMENTS, 500))

  const diff = await millrace('replay', 'diff', 'spending.ts', '--shadow', shadow, '--latest')
  expect(diff).toMatchObject({ code: 1, stderr: '' })
  const [first, second, third, fourth] = diff.stdout.split('\n')
  expect(first).toBe(`${name}.spending: ${CUSTOMERS - 1} equal, 1 different, 0 missing, 0 extra`)
  expect(second).toBe('  different  customer-7')
  expect(third).toMatch(/^ {4}application {2}\d+ records?, the last: 450$/)
  expect(fourth).toMatch(/^ {4}shadow {7}\d+ records?, the last: 500$/)
  const json = await millrace(
    ...['replay', 'diff', 'spending.ts', '--shadow', shadow, '--latest', '--json'],
    ...['--topics', `${name}.spending`],
  )
  expect(JSON.parse(json.stdout)).toMatchObject({
    equal: CUSTOMERS - 1,
    different: 1,
    examples: [{ key: 'customer-7', application: { value: 450 }, shadow: { value: 500 } }],
  })
})

test('one of the same rules finds no difference, and can be discarded', async () => {
  project.write('spending.ts', buggy)
  await vi.waitUntil(async () => (await lagOf(port)) === 0, { timeout: 60_000, interval: 200 })
  const discarded = await millrace('replay', 'spending.ts', '--shadow', shadow, '--discard')
  expect(discarded).toMatchObject({ code: 0, stderr: '' })
  expect(discarded.stdout).toContain(`deleted: ${shadow}.${name}.spending`)
  const none = await millrace('replay', 'diff', 'spending.ts', '--shadow', shadow)
  expect(none).toMatchObject({ code: 2, stdout: '' })

  const same = `${name}-same`
  const run = await millrace('replay', 'spending.ts', '--shadow', same, '--to-earliest', '--json')
  expect(run).toMatchObject({ code: 0, stderr: '' })
  const diff = await millrace('replay', 'diff', 'spending.ts', '--shadow', same, '--latest')
  expect(diff).toMatchObject({ code: 0, stderr: '' })
  expect(diff.stdout.split('\n')[0]).toBe(
    `${name}.spending: ${CUSTOMERS} equal, 0 different, 0 missing, 0 extra`,
  )
  await millrace('replay', 'spending.ts', '--shadow', same, '--discard')
  // A broker may hear of it a moment later.
  const left = async (): Promise<readonly string[]> =>
    [...(await port.metadata('all')).keys()].filter(
      (topic) => topic.startsWith(same) || topic.startsWith(shadow),
    )
  await expect.poll(left, { timeout: 10_000 }).toEqual([])
})
