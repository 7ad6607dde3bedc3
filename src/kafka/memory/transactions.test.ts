import { describe, expect, test } from 'vitest'
import { endOffset, readAll, refusalOf } from '../port.contract.kit.ts'
import { outsider, TestProducer } from '../port.contract.producers.ts'
import type { SimulatedClusterOptions } from './simulated-cluster.ts'
import { openSimulated } from './simulation.fixture.ts'

async function openWithTopic(options: Omit<SimulatedClusterOptions, 'clock'> = {}) {
  const at = await openSimulated(options)
  await at.createTopic('payments', 3)
  return { ...at, port: await at.port('client') }
}

const concurrent = { code: 'CONCURRENT_TRANSACTIONS', kind: 'retriable' }

describe('epochs that run out', () => {
  test('under version 2 a transaction ends with the next producer id', async () => {
    await using at = await openWithTopic({ epochMax: 4 })
    const producer = await TestProducer.open(at, 'app')
    const identities = [producer.identity]
    for (const value of ['a', 'b', 'c', 'd', 'e']) {
      await producer.send('payments', [value])
      await producer.commit()
      identities.push(producer.identity)
    }
    const first = identities[0]!.producerId
    const second = identities[4]!.producerId
    expect(identities).toEqual([
      { producerId: first, epoch: 0 },
      { producerId: first, epoch: 1 },
      { producerId: first, epoch: 2 },
      { producerId: first, epoch: 3 },
      { producerId: second, epoch: 0 },
      { producerId: second, epoch: 1 },
    ])
    expect(second).not.toBe(first)
    expect((await readAll(at.port, 'payments')).values).toEqual(['a', 'b', 'c', 'd', 'e'])
  })

  test('the end that changed the producer id can be repeated', async () => {
    await using at = await openWithTopic({ epochMax: 4 })
    const producer = await TestProducer.open(at, 'app')
    for (const value of ['a', 'b', 'c']) {
      await producer.send('payments', [value])
      await producer.commit()
    }
    await producer.send('payments', ['d'])
    const { identity } = producer
    await producer.commit()
    expect(await at.port.endTxn('app', identity, 'commit')).toEqual(producer.identity)
    await producer.send('payments', ['e'])
    expect(await refusalOf(at.port.endTxn('app', identity, 'commit'))).toMatchObject({
      kind: 'fenced',
    })
  })

  test('under version 1 the next initialisation gives another producer id', async () => {
    await using at = await openWithTopic({ epochMax: 3, transactionVersion: 1 })
    const identities: unknown[] = []
    let first = 0
    for (let each = 0; each < 4; each += 1) {
      const { producerId, epoch } = await at.port.initProducerId('app', 60_000)
      first ||= producerId
      identities.push({ sameId: producerId === first, epoch })
    }
    expect(identities).toEqual([
      { sameId: true, epoch: 0 },
      { sameId: true, epoch: 1 },
      { sameId: true, epoch: 2 },
      { sameId: false, epoch: 0 },
    ])
  })
})

describe('markers that come late', () => {
  test('keep the next transaction, and the next holder, waiting', async () => {
    await using at = await openWithTopic({ markerDelayMs: 200 })
    const producer = await TestProducer.open(at, 'app')
    await producer.send('payments', ['a'])
    await producer.commit()

    expect(await refusalOf(producer.sendBatch('payments', producer.batch(['b'], 0)))).toEqual(
      concurrent,
    )
    expect(await refusalOf(at.port.initProducerId('app', 60_000))).toEqual(concurrent)
    expect(at.cluster.transactionState('app')?.state).toBe('PrepareCommit')
    await at.clock.sleep(200)
    expect(at.cluster.transactionState('app')?.state).toBe('CompleteCommit')
    await producer.send('payments', ['b'])
  })

  test('hold readers and committed offsets back until they are written', async () => {
    await using at = await openWithTopic({ markerDelayMs: 200 })
    const producer = await TestProducer.open(at, 'app')
    await producer.send('payments', ['a'])
    await producer.sendOffsets(outsider('group'), [
      { topic: 'payments', partition: 1, offset: 5, metadata: '' },
    ])
    await producer.commit()
    const fetched = () => at.port.offsetFetch('group', [{ topic: 'payments', partition: 1 }], true)

    expect(await endOffset(at.port, 'payments')).toBe(0)
    expect(await refusalOf(fetched())).toMatchObject({ code: 'UNSTABLE_OFFSET_COMMIT' })
    await at.clock.sleep(200)
    expect(await endOffset(at.port, 'payments')).toBe(2)
    expect((await fetched()).map(({ offset }) => offset)).toEqual([5])
  })

  test('come to each partition at its own time', async () => {
    await using at = await openWithTopic({ markerDelayMs: 1_000 })
    const producer = await TestProducer.open(at, 'app')
    for (const partition of [0, 1, 2]) await producer.send('payments', ['a'], { partition })
    await producer.commit()
    const written: string[] = []
    for (let ms = 0; ms < 1_000; ms += 1) {
      await at.clock.sleep(1)
      const ends = [0, 1, 2].map((partition) => at.cluster.endOffset('payments', partition))
      const now = ends.join()
      if (written.at(-1) !== now) written.push(now)
    }
    expect(written[0]).toBe('1,1,1')
    expect(written.at(-1)).toBe('2,2,2')
    expect(written.length).toBe(4)
  })
})

describe('a transaction that takes too long', () => {
  test.each([1, 2] as const)('is aborted to the millisecond (version %d)', async (version) => {
    await using at = await openWithTopic({ transactionVersion: version })
    const producer = await TestProducer.open(at, 'app', 5_000)
    await producer.send('payments', ['a'])
    await at.clock.sleep(4_999)
    expect(at.cluster.transactionState('app')?.state).toBe('Ongoing')
    await at.clock.sleep(1)
    expect(at.cluster.transactionState('app')).toEqual({
      state: 'CompleteAbort',
      producerId: producer.identity.producerId,
      epoch: producer.identity.epoch + 1,
      participants: [],
    })
  })

  test('counts from its first write, not from its initialisation', async () => {
    await using at = await openWithTopic()
    const producer = await TestProducer.open(at, 'app', 5_000)
    await at.clock.sleep(60_000)
    await producer.send('payments', ['a'])
    await at.clock.sleep(4_000)
    await producer.commit()
    expect((await readAll(at.port, 'payments')).values).toEqual(['a'])
    await at.clock.sleep(60_000)
    await producer.send('payments', ['b'])
    await producer.commit()
    expect((await readAll(at.port, 'payments')).values).toEqual(['a', 'b'])
  })
})

test('of two commits of one offset the one written later counts', async () => {
  await using at = await openWithTopic()
  const offset = (value: number) => [
    { topic: 'payments', partition: 0, offset: value, metadata: '' },
  ]
  const producer = await TestProducer.open(at, 'app')
  await producer.sendOffsets(outsider('group'), offset(10))
  await at.port.offsetCommit(outsider('group'), offset(20))
  await producer.commit()
  expect(at.cluster.groupState('group')?.offsets).toEqual(new Map([['payments-0', 20]]))
})

test('a batch that was turned away for now is not overtaken by the one behind it', async () => {
  await using at = await openWithTopic({ markerDelayMs: 100, transactionVersion: 1 })
  const producer = await TestProducer.open(at, 'app')
  await producer.send('payments', ['a'])
  await producer.commit()
  const [first, second] = [producer.batch(['b'], 0), producer.batch(['c'], 1)]
  const send = (batch: Uint8Array) => producer.sendBatch('payments', batch, 1)
  expect(await refusalOf(send(first))).toEqual(concurrent)
  await producer.add('payments', 1)
  expect(await refusalOf(send(second))).toMatchObject({ code: 'OUT_OF_ORDER_SEQUENCE_NUMBER' })
  await send(first)
  await send(second)
  await producer.commit()
  await at.clock.sleep(100)
  expect((await readAll(at.port, 'payments', { partition: 1 })).values).toEqual(['b', 'c'])
})

test('under version 2 a producer begins at sequence 0 in every partition', async () => {
  await using at = await openWithTopic()
  const producer = await TestProducer.open(at, 'app')
  expect(await refusalOf(producer.sendBatch('payments', producer.batch(['b'], 1)))).toMatchObject({
    code: 'OUT_OF_ORDER_SEQUENCE_NUMBER',
  })
  await producer.sendBatch('payments', producer.batch(['a'], 0))
})
