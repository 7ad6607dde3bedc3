/** Avro on a real schema registry and a real Kafka: evolution, outages, refusals, secrets. */
import { SchemaRegistry } from '@kafkajs/confluent-schema-registry'
import { afterAll, describe, expect, inject, test, vi } from 'vitest'
import { systemClock } from '../src/core/clock.ts'
import { noHeaders } from '../src/core/record.ts'
import { avro, type AvroSchema } from '../src/serde/avro/avro.ts'
import { jsonSchema, type JsonSchema } from '../src/serde/json-schema/json-schema.ts'
import { protobuf } from '../src/serde/protobuf/protobuf.ts'
import { confluentRegistry } from '../src/serde/registry/confluent-registry.ts'
import { boundTo } from '../src/serde/registry/remote-serde.ts'
import type { Serde } from '../src/serde/serde.ts'
import { connectTo, createTopics, plainProducer, uniqueName } from './support/kafka-client.ts'
import { Project } from './support/millrace-command.ts'
import { readAll } from './support/orders-account.ts'
import { gateBefore, registryOrReason } from './support/schema-registry.ts'

interface Order {
  readonly id: string
  readonly amount: number
}

const brokers = inject('kafkaBrokers')
const registry = await registryOrReason()
afterAll(() => registry?.stop())

const orderSchema = (...more: readonly object[]): AvroSchema =>
  ({
    type: 'record',
    name: 'Order',
    fields: [{ name: 'id', type: 'string' }, { name: 'amount', type: 'int' }, ...more],
  }) as AvroSchema
const note = { name: 'note', type: 'string', default: 'none' }
const withPriority = orderSchema(note, { name: 'priority', type: 'int', default: 0 })

/** Reads orders in Avro and writes them in Avro, once more and as text. */
const moduleOf = (name: string): string => `
  import { avro, deadLetters, json, string, topic, topology } from 'millrace'
  const order = avro(${JSON.stringify(orderSchema(note))})
  const orders = topic('${name}.orders', { key: string, value: order })
  const copies = topic('${name}.copies', { key: string, value: order })
  const texts = topic('${name}.texts', { key: string, value: json() })
  export default topology('${name}', { deadLetters: deadLetters('${name}.failed') }, (builder) => {
    const read = builder.stream(orders)
    read.to(copies)
    read.to(texts)
  })`

const projects: Project[] = []
afterAll(() => projects.forEach((project) => project[Symbol.dispose]()))

/** A project whose topics are there. */
async function prepared(name: string): Promise<Project> {
  await using port = await connectTo(brokers)
  const topics = ['orders', 'copies', 'texts', 'failed'].map((each) => `${name}.${each}`)
  await createTopics(port, topics, 2)
  const project = new Project({ 'orders.ts': moduleOf(name) })
  projects.push(project)
  return project
}

const argsFor = (url: string, ...more: readonly string[]): readonly string[] => [
  ...['run', 'orders.ts', '--brokers', brokers.join(','), '--schema-registry', url],
  ...more,
]

/** As another program would write it. */
async function serdeOf<T>(topic: string, schema: AvroSchema): Promise<Serde<T>> {
  const serde = boundTo(avro<T>(schema), topic, 'value')
  await serde.remote?.open(confluentRegistry({ url: registry?.url ?? '' }, systemClock))
  return serde
}

async function send(topic: string, values: readonly Uint8Array[]): Promise<void> {
  await using port = await connectTo(brokers)
  const producer = plainProducer(port)
  await producer.init()
  values.forEach((value, index) =>
    producer.send(topic, null, systemClock.nowMs(), Buffer.from(`k${index}`), value, noHeaders),
  )
  await producer.flush()
  await producer.close()
}

async function textsIn(topic: string): Promise<readonly string[]> {
  await using port = await connectTo(brokers)
  const records = await readAll(port, topic)
  return records.map(({ value }) => Buffer.from(value ?? []).toString()).toSorted()
}

const untilCount = (topic: string, count: number): Promise<unknown> =>
  vi.waitUntil(async () => (await textsIn(topic)).length >= count, {
    timeout: 60_000,
    interval: 300,
  })

// Where this machine has no registry the reason is printed above.
describe.runIf(registry !== undefined)('on a real schema registry', () => {
  const url = registry?.url ?? ''

  test('a running application learns a newer schema with one question', async () => {
    const name = uniqueName()
    const project = await prepared(name)
    await using gate = await gateBefore(url)
    const first = await serdeOf<Order>(`${name}.orders`, orderSchema())
    const old = [1, 2, 3].map((n) => first.serialize({ id: `o-${n}`, amount: n }))
    await send(`${name}.orders`, old)
    await using app = project.start(argsFor(gate.url))
    await untilCount(`${name}.texts`, 3)
    const before = gate.passed.length
    const newer = await serdeOf<object>(`${name}.orders`, withPriority)
    await send(
      `${name}.orders`,
      Array.from({ length: 20 }, (_, n) =>
        newer.serialize({ id: `n-${n}`, amount: n, note: 'new', priority: 9 }),
      ),
    )
    await untilCount(`${name}.texts`, 23)
    const id = Buffer.from(newer.serialize({ id: '', amount: 0, note: '', priority: 0 }))
      .readInt32BE(1)
      .toString()
    expect(gate.passed.slice(before)).toEqual([
      expect.stringMatching(new RegExp(`^GET .*/schemas/ids/${id}(\\?|$)`)),
    ])
    app.signal('SIGTERM')
    expect(await app.finished).toMatchObject({ code: 0, stderr: '' })
    expect(await textsIn(`${name}.failed`)).toEqual([])
    expect(await textsIn(`${name}.texts`)).toEqual(
      [
        ...[1, 2, 3].map((n) => `{"id":"o-${n}","amount":${n},"note":"none"}`),
        ...Array.from({ length: 20 }, (_, n) => `{"id":"n-${n}","amount":${n},"note":"new"}`),
      ].toSorted(),
    )
    await using port = await connectTo(brokers)
    const copies = await readAll(port, `${name}.copies`)
    const reader = await serdeOf<object>(`${name}.copies`, orderSchema(note))
    expect(copies.map(({ value }) => reader.deserialize(value ?? new Uint8Array()))).toHaveLength(
      23,
    )
  })

  test('an incompatible schema is said before the first record', async () => {
    const name = uniqueName()
    const project = await prepared(name)
    await serdeOf(`${name}.orders`, {
      type: 'record',
      name: 'Order',
      fields: [{ name: 'id', type: 'int' }],
    })
    const path = `${url}/config/${name}.orders-value`
    const strict = await fetch(path, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: '{"compatibility":"FULL"}',
    })
    expect(strict.status).toBe(200)
    const { code, stdout, stderr } = await project.millrace(argsFor(url))
    expect(code).toBe(2)
    expect(stdout).not.toContain('application running')
    expect(stderr).toMatch(/^error SCHEMA_INCOMPATIBLE: [^\n]*\n$/)
    expect(stderr).toContain(`"${name}.orders-value"`)
  })

  test('a subject that is not there is said before the first record', async () => {
    const name = uniqueName()
    const project = await prepared(name)
    const missing = moduleOf(name).replace(/avro\(.*\)/, `avro('${name}-nobody')`)
    project.write('orders.ts', missing)
    const { code, stderr } = await project.millrace(argsFor(url))
    expect(code).toBe(2)
    expect(stderr).toMatch(/^error SCHEMA_MISSING: [^\n]*\n$/)
    expect(stderr).toContain(`${name}-nobody`)
  })

  test('the id of no schema is a dead letter, and the records around it go on', async () => {
    const name = uniqueName()
    const project = await prepared(name)
    const serde = await serdeOf<Order>(`${name}.orders`, orderSchema())
    const unknown = Buffer.from(serde.serialize({ id: 'lost', amount: 1 }))
    unknown.writeInt32BE(999_999, 1)
    const [good, better] = [1, 2].map((n) => serde.serialize({ id: `o-${n}`, amount: n }))
    await send(`${name}.orders`, [good as Uint8Array, unknown, better as Uint8Array])
    await using app = project.start(argsFor(url))
    await untilCount(`${name}.texts`, 2)
    await untilCount(`${name}.failed`, 1)
    app.signal('SIGTERM')
    expect(await app.finished).toMatchObject({ code: 0, stderr: '' })
    const letters = await project.millrace([
      ...['dlq', 'list', `${name}.failed`, '--brokers', brokers.join(',')],
    ])
    expect(letters.stdout).toContain('SCHEMA_MISSING')
  })

  test('a wrong password is one line, and no password is ever written', async () => {
    const name = uniqueName()
    const project = await prepared(name)
    const user = { username: 'millrace', password: 'correct-horse-battery' }
    await using gate = await gateBefore(url, user)
    const wrong = await project.millrace(argsFor(gate.url, '--verbose'), {
      MILLRACE_SCHEMA_REGISTRY_USERNAME: 'millrace',
      MILLRACE_SCHEMA_REGISTRY_PASSWORD: 'wrong-staple-secret',
    })
    expect(wrong.code).toBe(2)
    expect(wrong.stderr).toMatch(/^error REGISTRY_REFUSED: /)
    const encoded = Buffer.from('millrace:wrong-staple-secret').toString('base64')
    for (const secret of ['wrong-staple-secret', encoded]) {
      expect(`${wrong.stdout}${wrong.stderr}`).not.toContain(secret)
    }
    const serde = await serdeOf<Order>(`${name}.orders`, orderSchema())
    await send(`${name}.orders`, [serde.serialize({ id: 'o-1', amount: 1 })])
    await using app = project.start(argsFor(gate.url, '--verbose'), {
      MILLRACE_SCHEMA_REGISTRY_USERNAME: user.username,
      MILLRACE_SCHEMA_REGISTRY_PASSWORD: user.password,
    })
    await untilCount(`${name}.texts`, 1)
    app.signal('SIGTERM')
    const { code, stdout, stderr } = await app.finished
    expect(code).toBe(0)
    expect(`${stdout}${stderr}`).not.toContain(user.password)
  })

  test('the registry client of kafkajs reads what we write, and we what it writes', async () => {
    const name = uniqueName()
    const client = new SchemaRegistry({ host: url })
    const ours = confluentRegistry({ url }, systemClock)
    const opened = async <T>(serde: Serde<T>, topic: string): Promise<Serde<T>> => {
      const bound = boundTo(serde, topic, 'value')
      await bound.remote?.open(ours)
      return bound
    }
    const order = { id: 'o-1', amount: 150 }
    const idOf = (bytes: Uint8Array): number => Buffer.from(bytes).readInt32BE(1)
    const schema = {
      type: 'object',
      properties: { id: { type: 'string' }, amount: { type: 'integer' } },
    }
    const inAvro = await opened(avro<Order>(orderSchema()), `${name}-avro`)
    const inJson = await opened(jsonSchema<Order>(schema), `${name}-json`)
    for (const serde of [inAvro, inJson]) {
      const bytes = serde.serialize(order)
      expect({ ...(await client.decode(Buffer.from(bytes))) }).toEqual(order)
      const theirs = await client.encode(idOf(bytes), order)
      expect([...theirs]).toEqual([...bytes])
      expect(serde.deserialize(theirs)).toEqual(order)
    }
    const proto = 'syntax = "proto3"; message Order { string id = 1; int32 amount = 2; }'
    const inProtobuf = await opened(protobuf<Order>(proto), `${name}-protobuf`)
    const bytes = inProtobuf.serialize(order)
    expect({ ...(await client.decode(Buffer.from(bytes))) }).toEqual(order)
    // It leaves out the message indexes, which Confluent's clients write and need.
    const theirs = await client.encode(idOf(bytes), order)
    expect([...bytes]).toEqual([...theirs.subarray(0, 5), 0, ...theirs.subarray(5)])
  })

  test('JSON Schema and Protobuf evolve, and what does not fit is refused', async () => {
    const name = uniqueName()
    const ours = confluentRegistry({ url }, systemClock)
    const opened = async (serde: Serde<object>): Promise<Serde<object>> => {
      await serde.remote?.open(ours)
      return serde
    }
    const strictly = (subject: string) =>
      fetch(`${url}/config/${subject}`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: '{"compatibility":"BACKWARD"}',
      })
    const proto = (fields: string): string => `syntax = "proto3"; message Order { ${fields} }`
    const subject = `${name}-orders`
    const older = await opened(protobuf(proto('string id = 1;'), { subject }))
    await strictly(subject)
    const newer = await opened(protobuf(proto('string id = 1; int32 n = 2;'), { subject }))
    const bytes = newer.serialize({ id: 'o-1', n: 5 })
    await older.remote?.ready(bytes)
    expect(older.deserialize(bytes)).toEqual({ id: 'o-1' })
    expect((await opened(protobuf(subject))).deserialize(bytes)).toEqual({ id: 'o-1', n: 5 })
    await expect(opened(protobuf(proto('int32 id = 1;'), { subject }))).rejects.toMatchObject({
      code: 'SCHEMA_INCOMPATIBLE',
    })
    const json = { subject: `${name}-json` }
    const counted = (type: string): JsonSchema => ({
      $schema: 'http://json-schema.org/draft-07/schema#',
      type: 'object',
      properties: { n: { type } },
    })
    const numbers = await opened(jsonSchema(counted('number'), json))
    await strictly(json.subject)
    await expect(opened(jsonSchema(counted('string'), json))).rejects.toMatchObject({
      code: 'SCHEMA_INCOMPATIBLE',
    })
    const five = numbers.serialize({ n: 5 })
    expect((await opened(jsonSchema(json.subject))).deserialize(five)).toEqual({ n: 5 })
  })

  test('`schema types` writes the types of a subject, and of a file', async () => {
    const name = uniqueName()
    await serdeOf(`${name}.orders`, orderSchema(note))
    using project = new Project({ 'order.avsc': JSON.stringify(orderSchema(note)) })
    const types = [
      ...['', 'export interface Order {', '  readonly id: string', '  readonly amount: number'],
      ...['  readonly note: string', '}', ''],
    ]
    const ofSubject = ['schema', 'types', `${name}.orders-value`, '--schema-registry', url]
    for (const args of [ofSubject, ['schema', 'types', 'order.avsc']]) {
      const { code, stdout, stderr } = await project.millrace(args)
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      expect(stdout.split('\n').slice(1)).toEqual(types)
    }
    expect(await project.millrace(['schema', 'types', 'orders-value'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('a subject needs --schema-registry') as string,
    })
  })

  test('away at the start it is one line; away at work, work waits and nothing is lost', async () => {
    const name = uniqueName()
    const project = await prepared(name)
    const first = await serdeOf<Order>(`${name}.orders`, orderSchema())
    const newer = await serdeOf<object>(`${name}.orders`, withPriority)
    const waiting = newer.serialize({ id: 'n-1', amount: 1, note: 'new', priority: 9 })
    await send(`${name}.orders`, [first.serialize({ id: 'o-1', amount: 1 })])
    await using app = project.start(argsFor(url))
    await untilCount(`${name}.texts`, 1)
    await registry?.kill()

    const refused = await project.millrace(argsFor(url, '--application-id', `${name}-other`))
    expect(refused.code).toBe(2)
    expect(refused.stderr).toMatch(/^error REGISTRY_UNREACHABLE: [^\n]*\n$/)

    await send(`${name}.orders`, [waiting])
    await vi.waitUntil(() => app.stdout().includes('REGISTRY_UNREACHABLE'), { timeout: 60_000 })
    expect(await textsIn(`${name}.texts`)).toHaveLength(1)
    await registry?.start()
    await untilCount(`${name}.texts`, 2)
    app.signal('SIGTERM')
    expect(await app.finished).toMatchObject({ code: 0 })
    expect(await textsIn(`${name}.failed`)).toEqual([])
    expect(await textsIn(`${name}.texts`)).toEqual([
      '{"id":"n-1","amount":1,"note":"new"}',
      '{"id":"o-1","amount":1,"note":"none"}',
    ])
  })
})
