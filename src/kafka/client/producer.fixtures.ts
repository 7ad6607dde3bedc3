/** A producer without transactions on a simulated cluster. */
import { silentLogger } from '../../core/logger.ts'
import { seededRandom } from '../../core/random.ts'
import { noHeaders } from '../../core/record.ts'
import { bytesOf, simulate, textOf, type Simulation } from './client.fixtures.ts'
import { RecordProducer, type RecordProducerOptions } from './producer.ts'

export const outside = { groupId: 'billing', memberId: '', generation: -1, instanceId: null }

export async function producerOf(
  simulation: Simulation,
  options: Partial<RecordProducerOptions> = {},
): Promise<RecordProducer> {
  const producer = new RecordProducer({
    port: await simulation.connect('producer'),
    clock: simulation.clock,
    logger: silentLogger,
    random: seededRandom(7),
    transactionalId: null,
    transactionTimeoutMs: 60_000,
    compression: 'none',
    lingerMs: 5,
    onProgress: () => {},
    ...options,
  })
  await simulation.clock.run(() => producer.init())
  return producer
}

export async function openOrders(
  partitions = 1,
  options: Parameters<typeof simulate>[0] = {},
  producerOptions: Partial<RecordProducerOptions> = {},
) {
  const simulation = simulate(options)
  simulation.cluster.createTopic('orders', partitions)
  return { simulation, producer: await producerOf(simulation, producerOptions) }
}

export const send = (producer: RecordProducer, value: string, partition: number | null = 0): void =>
  producer.send('orders', partition, 1_000, bytesOf('key'), bytesOf(value), noHeaders)

export const valuesOf = ({ cluster }: Simulation, partition = 0): (string | null)[] =>
  cluster.records('orders', partition, 'read_committed').map(({ value }) => textOf(value))

export const produces = ({ cluster }: Simulation): number =>
  cluster.faults.count(({ api }) => api === 'produce')

export const flushed = ({ clock }: Simulation, producer: RecordProducer): Promise<void> =>
  clock.run(() => producer.flush())
