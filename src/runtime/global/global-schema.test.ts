import { expect, test } from 'vitest'
import { avro, string, topic, topology, type AvroSchema } from 'millrace'
import { StreamsError } from '../../core/errors.ts'
import { MemoryRegistry } from '../../serde/registry/memory-registry.ts'
import { boundTo } from '../../serde/registry/remote-serde.ts'
import type { SchemaRegistry } from '../../serde/registry/schema-registry.ts'
import { TopologyTestDriver } from '../../testing/topology-test-driver.ts'
import { Disk } from '../disk.fixtures.ts'
import { Simulation, START_MS, textOf } from '../simulation.fixtures.ts'

interface Product {
  readonly name: string
}
const schemaWith = (...more: readonly string[]): AvroSchema => ({
  type: 'record',
  name: 'Product',
  fields: ['name', ...more].map((name) => ({ name, type: 'string', default: 'none' })),
})

const orders = topic('orders', { key: string, value: string })
const output = topic('output', { key: string, value: string })
/** Serdes know their registry from then on, so each test has its own. */
const shopOf = () => {
  const products = topic('products', { key: string, value: avro<Product>(schemaWith('note')) })
  const shop = topology('shop', (builder) => {
    const rows = builder.globalTable(products, { store: 'products' })
    builder
      .stream(orders)
      .leftJoin(
        rows,
        (product) => product,
        (_, product) => JSON.stringify(product),
      )
      .to(output)
  })
  return { products, shop }
}

/** As the memory registry, after some failures to say what a schema is. */
const awayAtFirst = (inner: MemoryRegistry, failures: number): SchemaRegistry => {
  let left = failures
  return {
    register: inner.register,
    find: inner.find,
    latest: inner.latest,
    byId: (id) => {
      left -= 1
      return left < 0
        ? inner.byId(id)
        : Promise.reject(
            new StreamsError('REGISTRY_UNREACHABLE', { message: 'nobody answers', hint: 'Wait.' }),
          )
    },
  }
}

test('a schema that another program wrote a global topic with is waited for', async () => {
  using simulation = new Simulation()
  for (const name of ['orders', 'products', 'output']) simulation.cluster.createTopic(name, 2)
  const memory = new MemoryRegistry()
  const older = boundTo(avro<Product>(schemaWith()), 'products', 'value')
  await older.remote?.open(memory)
  const timestampMs = START_MS - 1
  simulation.write([
    { topic: 'products', key: 'tea', value: older.serialize({ name: 'Assam' }), timestampMs },
    { topic: 'orders', key: 'a', value: 'tea', timestampMs },
  ])
  const { shop } = shopOf()
  await simulation.clock.run(async () => {
    const registry = awayAtFirst(memory, 3)
    simulation.start({ topology: shop, disk: new Disk(), clientId: 'one', registry })
    await simulation.until(() => simulation.hasCommitted('shop', ['orders']), 'it is sold')
    await simulation.stopAll()
  })
  const sold = simulation.committed('output').flat()
  expect(sold.map(({ value }) => textOf(value))).toEqual(['{"name":"Assam","note":"none"}'])
})

test('the test driver has a registry for global topics too', async () => {
  const { shop, products } = shopOf()
  await using driver = new TopologyTestDriver(shop)
  await driver.input(products).send('tea', { name: 'Assam', note: 'x' } as Product)
  await driver.input(orders).send('a', 'tea')
  expect(driver.output(output).values()).toEqual(['{"name":"Assam","note":"x"}'])
})
