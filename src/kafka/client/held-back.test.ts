import { expect, test } from 'vitest'
import { noHeaders } from '../../core/record.ts'
import { bytesOf, simulate, textOf, type Simulation } from './client.fixtures.ts'
import { producerOf } from './producer.fixtures.ts'
import type { RecordProducer } from './producer.ts'

/** Outputs in `orders`; what `changelog` is sent must not get ahead of them. */
async function open(): Promise<{ simulation: Simulation; producer: RecordProducer }> {
  const simulation = simulate()
  simulation.cluster.createTopic('orders', 1)
  simulation.cluster.createTopic('changelog', 1)
  const producer = await producerOf(simulation, {
    batchBytesMax: 1_000,
    holdsBack: (topic) => topic === 'changelog',
  })
  return { simulation, producer }
}

const send = (producer: RecordProducer, topic: string, value: string): void =>
  producer.send(topic, 0, 1_000, null, bytesOf(value), noHeaders)

const valuesIn = ({ cluster }: Simulation, topic: string): readonly (string | null)[] =>
  cluster.records(topic, 0, 'read_committed').map(({ value }) => textOf(value))

test('what is held back waits for a flush, however long and however much it is', async () => {
  const { simulation, producer } = await open()
  const changes = Array.from({ length: 100 }, (_, index) => `${index} ${'x'.repeat(50)}`)
  for (const change of changes) send(producer, 'changelog', change)
  send(producer, 'orders', 'placed')
  await simulation.clock.advance(600_000)
  expect(valuesIn(simulation, 'orders')).toEqual(['placed'])
  expect(valuesIn(simulation, 'changelog')).toEqual([])
  await simulation.clock.run(() => producer.flush())
  expect(valuesIn(simulation, 'changelog')).toEqual(changes)
  expect(producer.bufferedBytes).toBe(0)
})

test('a crash before the outputs are acknowledged leaves no change behind', async () => {
  const { simulation, producer } = await open()
  const { faults } = simulation.cluster
  faults.onRequest(({ api }) => api === 'produce', { before: () => 'die' })
  send(producer, 'changelog', 'state')
  send(producer, 'orders', 'placed')
  const flushed = producer.flush().catch(() => 'failed')
  await simulation.clock.advance(200_000)
  expect(await flushed).toBe('failed')
  expect(valuesIn(simulation, 'orders')).toEqual([])
  expect(valuesIn(simulation, 'changelog')).toEqual([])
})

test('a lost acknowledgement of an output is waited out before the change goes', async () => {
  const { simulation, producer } = await open()
  const { faults } = simulation.cluster
  faults.loseReply(({ api }) => api === 'produce')
  send(producer, 'changelog', 'state')
  send(producer, 'orders', 'placed')
  await simulation.clock.run(() => producer.flush())
  expect(valuesIn(simulation, 'orders')).toEqual(['placed'])
  expect(valuesIn(simulation, 'changelog')).toEqual(['state'])
})

test('too much that is held back drains with everything before it', async () => {
  const { simulation, producer } = await open()
  await simulation.clock.run(() => producer.prepare(['orders', 'changelog']))
  for (let index = 0; index < 50; index += 1) send(producer, 'changelog', 'x'.repeat(100))
  send(producer, 'orders', 'placed')
  await simulation.clock.run(() => producer.drainTo(1_000))
  expect(valuesIn(simulation, 'orders')).toEqual(['placed'])
  expect(valuesIn(simulation, 'changelog')).toHaveLength(50)
})

test('round after round the outputs come first, also when they take several attempts', async () => {
  const { simulation, producer } = await open()
  const { faults } = simulation.cluster
  const outputsBefore: number[] = []
  faults.onRequest(({ partitions }) => partitions.some(({ topic }) => topic === 'changelog'), {
    before: ({ api }) => {
      if (api === 'produce') outputsBefore.push(valuesIn(simulation, 'orders').length)
      return undefined
    },
  })
  await simulation.clock.run(() => producer.prepare(['orders', 'changelog']))
  for (let round = 1; round <= 4; round += 1) {
    faults.loseRequest(
      ({ api, partitions }) => api === 'produce' && partitions[0]?.topic === 'orders',
      3,
    )
    send(producer, 'changelog', `state ${round}`)
    send(producer, 'orders', `placed ${round}`)
    await simulation.clock.run(() => producer.flush())
  }
  expect(outputsBefore).toEqual([1, 2, 3, 4])
})
