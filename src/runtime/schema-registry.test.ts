import { expect, test } from 'vitest'
import {
  avro,
  deadLetters,
  keyValueStore,
  string,
  topic,
  topology,
  type AvroSchema,
} from 'millrace'
import { StreamsError } from '../core/errors.ts'
import { partitionForKey } from '../kafka/wire/murmur2.ts'
import { MemoryRegistry } from '../serde/registry/memory-registry.ts'
import { boundTo } from '../serde/registry/remote-serde.ts'
import type { SchemaRegistry } from '../serde/registry/schema-registry.ts'
import type { Serde } from '../serde/serde.ts'
import { Disk, Simulation, START_MS, textOf } from './simulation.fixtures.ts'

interface Order {
  readonly id: string
  readonly amount: number
}

const orderSchema = (...more: readonly { name: string; type: 'string'; default: string }[]) => ({
  type: 'record' as const,
  name: 'Order',
  fields: [
    { name: 'id', type: 'string' as const },
    { name: 'amount', type: 'int' as const },
    ...more,
  ],
})
const current = orderSchema({ name: 'note', type: 'string', default: 'none' })

const failed = deadLetters('failed')
const idsOf = topic('ids', { key: string, value: string })
const orderTopology = (name: string) =>
  topology(name, { deadLetters: failed }, (builder) => {
    const orders = topic('orders', { key: string, value: avro<Order>(current) })
    builder
      .stream(orders)
      .mapValues((order) => JSON.stringify(order))
      .to(idsOf)
  })

/** A serde of another program, which wrote with another schema. */
async function written(registry: MemoryRegistry, schema: AvroSchema): Promise<Serde<Order>> {
  const serde = boundTo(avro<Order>(schema), 'orders', 'value')
  await serde.remote?.open(registry)
  return serde
}

/** A key of each partition. */
const keys = [0, 1].map((partition) =>
  ['a', 'b', 'c', 'd', 'e'].find((key) => partitionForKey(Buffer.from(key), 2) === partition),
)

const at = (partition: number, value: Uint8Array) => ({
  topic: 'orders',
  key: keys[partition] as string,
  value,
  timestampMs: START_MS - 1_000,
})

function simulation(): Simulation {
  const run = new Simulation()
  for (const name of ['orders', 'ids', 'failed', 'large', 'small']) run.cluster.createTopic(name, 2)
  return run
}

const outputs = ({ cluster }: Simulation, name = 'ids'): readonly (string | null)[] =>
  [0, 1].flatMap((partition) =>
    cluster.records(name, partition, 'read_committed').map(({ value }) => textOf(value)),
  )

/** Answers for a schema only when it is told to. */
class SlowRegistry implements SchemaRegistry {
  readonly #inner: MemoryRegistry
  readonly register: SchemaRegistry['register']
  readonly find: SchemaRegistry['find']
  readonly latest: SchemaRegistry['latest']
  readonly asked: number[] = []
  failures = 0
  answer = (): void => {}

  constructor(inner: MemoryRegistry) {
    this.#inner = inner
    this.register = inner.register
    this.find = inner.find
    this.latest = inner.latest
  }

  readonly byId: SchemaRegistry['byId'] = async (id) => {
    this.asked.push(id)
    if (this.failures > 0) {
      this.failures -= 1
      throw new StreamsError('REGISTRY_UNREACHABLE', { message: 'nobody answers', hint: 'Wait.' })
    }
    await new Promise<void>((resolve) => {
      this.answer = resolve
    })
    return this.#inner.byId(id)
  }
}

test('a record with a schema that is not known waits for it, and what is behind it too; others go on', async () => {
  using run = simulation()
  const memory = new MemoryRegistry()
  const registry = new SlowRegistry(memory)
  const [older, same] = [await written(memory, orderSchema()), await written(memory, current)]
  const made = orderTopology('waiting')
  await run.clock.run(async () => {
    run.start({ topology: made, disk: new Disk(), clientId: 'one', registry })
    run.write([
      at(0, older.serialize({ id: 'o-1', amount: 1 })),
      at(0, same.serialize({ id: 'o-2', amount: 2, note: 'x' } as Order)),
      at(1, same.serialize({ id: 'o-3', amount: 3, note: 'y' } as Order)),
    ])
    await run.until(() => outputs(run).length === 1, 'the other partition goes on')
    await run.clock.sleep(5_000)
    expect(outputs(run)).toEqual(['{"id":"o-3","amount":3,"note":"y"}'])
    expect(registry.asked).toEqual([1])
    registry.answer()
    await run.until(() => outputs(run).length === 3, 'the rest follows')
    await run.stopAll()
  })
  expect(outputs(run)).toEqual([
    '{"id":"o-1","amount":1,"note":"none"}',
    '{"id":"o-2","amount":2,"note":"x"}',
    '{"id":"o-3","amount":3,"note":"y"}',
  ])
})

test('a registry that is away is asked again, and nothing is lost', async () => {
  using run = simulation()
  const memory = new MemoryRegistry()
  const registry = new SlowRegistry(memory)
  registry.failures = 3
  const older = await written(memory, orderSchema())
  const made = orderTopology('away')
  await run.clock.run(async () => {
    const life = run.start({ topology: made, disk: new Disk(), clientId: 'one', registry })
    run.write([at(0, older.serialize({ id: 'o-1', amount: 1 }))])
    await run.until(() => registry.asked.length === 4, 'it is asked until it answers')
    registry.answer()
    await run.until(() => outputs(run).length === 1, 'the record is processed')
    expect(life.thread.snapshot().counters.migrations).toBe(3)
    await run.stopAll()
  })
  expect(outputs(run)).toEqual(['{"id":"o-1","amount":1,"note":"none"}'])
  expect(outputs(run, 'failed')).toEqual([])
})

test('a record whose schema nobody knows goes to the dead letters', async () => {
  using run = simulation()
  const registry = new MemoryRegistry()
  const same = await written(registry, current)
  const unknown = Buffer.from(same.serialize({ id: 'o-1', amount: 1, note: '' } as Order))
  unknown.writeInt32BE(77, 1)
  const made = orderTopology('unknown')
  await run.clock.run(async () => {
    run.start({ topology: made, disk: new Disk(), clientId: 'one', registry })
    run.write([at(0, unknown), at(0, same.serialize({ id: 'o-2', amount: 2, note: '' } as Order))])
    await run.until(() => run.hasCommitted('unknown', ['orders']), 'all is processed')
    await run.stopAll()
  })
  expect(outputs(run)).toEqual(['{"id":"o-2","amount":2,"note":""}'])
  expect(outputs(run, 'failed')).toHaveLength(1)
})

test('state that an older version wrote is read by the newer one', async () => {
  using run = simulation()
  const registry = new MemoryRegistry()
  const disk = new Disk()
  const keeping = (schema: AvroSchema) =>
    topology('keeping', (builder) => {
      builder
        .stream(topic('orders', { key: string, value: avro<Order>(orderSchema()) }))
        .groupByKey()
        .aggregate(
          (): object => ({ id: '', amount: 0 }),
          (order, total) => ({ ...total, id: order.id, amount: amountOf(total) + order.amount }),
          { store: keyValueStore('totals', { key: string, value: avro<object>(schema) }) },
        )
        .toStream()
        .mapValues((total) => JSON.stringify(total))
        .to(idsOf)
    })
  const writer = await written(registry, orderSchema())
  const feed = (amount: number) =>
    run.write([at(0, writer.serialize({ id: `o-${amount}`, amount }))])
  await run.clock.run(async () => {
    const first = run.start({ topology: keeping(orderSchema()), disk, clientId: 'one', registry })
    feed(1)
    await run.until(() => outputs(run).length === 1, 'the older version has counted')
    first.thread.stop()
    await first.ended
    run.start({ topology: keeping(current), disk, clientId: 'two', registry })
    feed(2)
    await run.until(() => outputs(run).length === 2, 'the newer version goes on')
    await run.stopAll()
  })
  expect(outputs(run)).toEqual(['{"id":"o-1","amount":1}', '{"id":"o-2","amount":3,"note":"none"}'])
})

const amountOf = (total: object): number => (total as Order).amount

test('a topic that is chosen for each record gets its schema when it is first chosen', async () => {
  using run = simulation()
  const registry = new MemoryRegistry()
  const [large, small] = ['large', 'small'].map((name) =>
    topic(name, { key: string, value: avro<Order>(orderSchema()) }),
  )
  const sorting = topology('sorting', (builder) => {
    builder
      .stream(topic('orders', { key: string, value: avro<Order>(orderSchema()) }))
      .to((order) => (order.amount > 1 ? large! : small!))
  })
  const writer = await written(registry, orderSchema())
  await run.clock.run(async () => {
    run.start({ topology: sorting, disk: new Disk(), clientId: 'one', registry })
    run.write([1, 2, 3].map((amount) => at(0, writer.serialize({ id: 'o', amount }))))
    await run.until(() => run.hasCommitted('sorting', ['orders']), 'all is processed')
    await run.stopAll()
  })
  expect(outputs(run, 'large')).toHaveLength(2)
  expect(outputs(run, 'small')).toHaveLength(1)
  expect((await registry.latest('large-value')).id).toBe(1)
})

test('a topology with schemas and no registry says so before the first record', async () => {
  using run = simulation()
  const life = run.start({ topology: orderTopology('none'), disk: new Disk(), clientId: 'one' })
  await run.clock.run(async () => {
    expect(await life.ended).toMatchObject({ code: 'INVALID_CONFIG' })
  })
})
