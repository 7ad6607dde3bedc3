/** What the tests of this folder share: orders that are joined with the names of products. */
import { json, string, topic, topology, type Topology } from 'millrace'
import type { TopologyOptions } from '../../dsl/topology.ts'
import { Disk } from '../disk.fixtures.ts'
import type { Life, LifeOptions } from '../life.fixtures.ts'
import { Simulation, START_MS, textOf } from '../simulation.fixtures.ts'

const PARTITIONS = 2

const orders = topic('orders', { key: string, value: string })
export const products = topic('products', { key: string, value: json<string>() })
const output = topic('output', { key: string, value: string })

export const shopWith = (options: TopologyOptions): Topology =>
  topology('shop', options, (builder) => {
    const names = builder.globalTable(products, { store: 'products' })
    builder
      .stream(orders)
      .leftJoin(
        names,
        (product) => product,
        (product, name) => `${product} is ${name}`,
      )
      .to(output)
  })

export const shop = shopWith({})

/** Rows of the global topic. */
export const manyProducts = Array.from(
  { length: 500 },
  (_, index) => [`p${index}`, `product ${index}`] as const,
)

/** A cluster with the topics of the shop, and one disk. */
export class Shop implements Disposable {
  readonly simulation: Simulation
  readonly disk = new Disk()
  readonly #topology: Topology
  #lives = 0
  #written = 0

  constructor(topologyOfShop = shop, simulation = new Simulation()) {
    this.#topology = topologyOfShop
    this.simulation = simulation
    for (const name of ['orders', 'products', 'output']) {
      simulation.cluster.createTopic(name, PARTITIONS)
    }
  }

  start(options: Partial<LifeOptions> = {}): Life {
    this.#lives += 1
    return this.simulation.start({
      topology: this.#topology,
      disk: this.disk,
      clientId: `life-${this.#lives}`,
      processId: 'process',
      ...options,
    })
  }

  /** Records of the global topic; undefined is no JSON. */
  name(...rows: readonly (readonly [product: string, name: string | null | undefined])[]): void {
    this.simulation.write(
      rows.map(([key, name]) => ({
        topic: 'products',
        key,
        value: name === null ? null : name === undefined ? '{' : JSON.stringify(name),
        timestampMs: this.#nextMs(),
      })),
    )
  }

  /** Writes an order of each of these, and waits until they are processed and committed. */
  async order(...of: readonly string[]): Promise<void> {
    this.write(...of)
    await this.simulation.until(() => this.hasCommitted(), 'the orders are processed')
  }

  write(...of: readonly string[]): void {
    this.simulation.write(
      of.map((product) => ({
        topic: 'orders',
        key: `order of ${product}`,
        value: product,
        timestampMs: this.#nextMs(),
      })),
    )
  }

  hasCommitted(): boolean {
    return this.simulation.hasCommitted('shop', ['orders'])
  }

  /** Until a change of a product is to be seen. */
  async untilFollowed(life: Life): Promise<void> {
    const { simulation } = this
    const isUpToDate = (): boolean =>
      life.thread.globalStore('products') !== undefined &&
      life.thread.snapshot().globals.every(({ remaining }) => remaining === 0)
    // What has just been written may not have been heard of.
    await simulation.clock.sleep(1_000)
    await simulation.until(isUpToDate, 'the products are followed')
  }

  /** What came out so far, in the order of names. */
  get sold(): readonly string[] {
    const values = this.simulation.committed('output').flat()
    return values.map(({ value }) => textOf(value) ?? '').toSorted()
  }

  /** What a thread has in its copy, of a product. */
  nameIn(life: Life, product: string): string | undefined {
    const found = life.thread.globalStore('products')?.findBytes(Buffer.from(product))
    return found && Buffer.from(found.value).toString()
  }

  run(scene: () => Promise<void>): Promise<void> {
    return this.simulation.clock.run(scene)
  }

  #nextMs(): number {
    this.#written += 1
    return START_MS - 100_000 + this.#written
  }

  [Symbol.dispose](): void {
    this.simulation[Symbol.dispose]()
  }
}

/** Records of global topics that a thread has read since it started. */
export const readBy = ({ thread }: Life): number => thread.snapshot().counters.globalRecords
