/** A transactional producer on a simulated cluster, and what became visible of its work. */
import { silentLogger } from '../../core/logger.ts'
import { noHeaders } from '../../core/record.ts'
import type { CommittedOffset, GroupMember } from '../port.ts'
import { bytesOf, simulate, textOf, type Simulation } from './client.fixtures.ts'
import { RecordProducer, type RecordProducerOptions } from './producer.ts'

export const member: GroupMember = {
  groupId: 'billing',
  memberId: '',
  generation: -1,
  instanceId: null,
}
export const versions = [1, 2] as const

export const offset = (at: number): CommittedOffset[] => [
  { topic: 'orders', partition: 0, offset: at, metadata: '' },
]

export async function transactionalProducer(
  simulation: Simulation,
  options: Partial<RecordProducerOptions> = {},
): Promise<RecordProducer> {
  const producer = new RecordProducer({
    port: await simulation.connect('producer'),
    clock: simulation.clock,
    logger: silentLogger,
    transactionalId: 'billing-1',
    transactionTimeoutMs: 60_000,
    compression: 'none',
    lingerMs: 5,
    onProgress: () => {},
    ...options,
  })
  await simulation.clock.run(() => producer.init())
  return producer
}

export async function openTotals(options: Parameters<typeof simulate>[0] = {}) {
  const simulation = simulate(options)
  simulation.cluster.createTopic('orders', 1)
  simulation.cluster.createTopic('totals', 3)
  return { simulation, producer: await transactionalProducer(simulation) }
}

export const send = (producer: RecordProducer, value: string, partition = 0): void =>
  producer.send('totals', partition, 1_000, bytesOf('key'), bytesOf(value), noHeaders)

export const commit = (
  { clock }: Simulation,
  producer: RecordProducer,
  at: number,
): Promise<void> => clock.run(() => producer.commit(offset(at), member))

export const committed = ({ cluster }: Simulation): (string | null)[] =>
  [0, 1, 2].flatMap((partition) =>
    cluster.records('totals', partition, 'read_committed').map(({ value }) => textOf(value)),
  )

export const committedOffset = ({ cluster }: Simulation): number | undefined =>
  cluster.groupState('billing')?.offsets.get('orders-0')

/** What a new process finds after it has taken over. */
export async function takeOver(simulation: Simulation): Promise<RecordProducer> {
  return await transactionalProducer(simulation, { port: await simulation.connect('successor') })
}
