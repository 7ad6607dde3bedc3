import { expect, test } from 'vitest'
import { bytesOf } from './client.fixtures.ts'
import { OUTCOME_UNKNOWN } from './transaction.ts'
import {
  commit,
  committed,
  committedOffset,
  member,
  offset,
  openTotals,
  send,
  takeOver,
  transactionalProducer,
  versions,
} from './transactions.fixtures.ts'

test.for([
  [1, 'endTxn'],
  [2, 'endTxn'],
  [1, 'txnOffsetCommit'],
  [2, 'txnOffsetCommit'],
] as const)(
  'an answer that is lost leaves the outcome open: the producer says so and is done (version %i, %s)',
  async ([transactionVersion, api]) => {
    for (const arrives of [true, false]) {
      const { simulation, producer } = await openTotals({ transactionVersion })
      const { faults } = simulation.cluster
      if (arrives) faults.loseReply((request) => request.api === api)
      else faults.loseRequest((request) => request.api === api)
      send(producer, 'a')
      await expect(commit(simulation, producer, 1)).rejects.toMatchObject({
        code: OUTCOME_UNKNOWN,
        kind: 'network',
      })
      expect(faults.count((request) => request.api === api)).toBe(1)
      expect(() => send(producer, 'b')).toThrow(expect.objectContaining({ code: OUTCOME_UNKNOWN }))
      await expect(producer.abort()).rejects.toMatchObject({ code: OUTCOME_UNKNOWN })
      await takeOver(simulation)
      const happened = arrives && api === 'endTxn'
      expect(committed(simulation)).toEqual(happened ? ['a'] : [])
      expect(committedOffset(simulation)).toBe(happened ? 1 : undefined)
    }
  },
)

test('a commit that is never answered ends with the request time-out', async () => {
  const { simulation } = await openTotals()
  const producer = await transactionalProducer(simulation, { requestTimeoutMs: 5_000 })
  simulation.cluster.faults.delay(({ api }) => api === 'endTxn', 60_000)
  send(producer, 'a')
  await expect(commit(simulation, producer, 1)).rejects.toMatchObject({ code: OUTCOME_UNKNOWN })
})

test.for(versions)(
  'an EndTxn that arrives late does not touch the transaction of the successor (version %i)',
  async (transactionVersion) => {
    const { simulation, producer } = await openTotals({ transactionVersion })
    simulation.cluster.faults.deliverLate(({ api }) => api === 'endTxn', 5_000)
    send(producer, 'a')
    await expect(commit(simulation, producer, 1)).rejects.toMatchObject({ code: OUTCOME_UNKNOWN })
    await producer.close()
    const successor = await takeOver(simulation)
    send(successor, 'b')
    await simulation.clock.run(() => successor.flush())
    await simulation.clock.advance(10_000)
    expect(committed(simulation)).toEqual([])
    await commit(simulation, successor, 2)
    expect([committed(simulation), committedOffset(simulation)]).toEqual([['b'], 2])
  },
)

test.for(versions)(
  'a fenced producer hears of it and never writes again (version %i)',
  async (transactionVersion) => {
    const { simulation, producer } = await openTotals({ transactionVersion })
    send(producer, 'zombie-1')
    await simulation.clock.run(() => producer.flush())
    const successor = await takeOver(simulation)
    send(producer, 'zombie-2')
    await expect(commit(simulation, producer, 9)).rejects.toMatchObject({ kind: 'fenced' })
    await expect(producer.abort()).rejects.toMatchObject({ kind: 'fenced' })
    expect(() => send(producer, 'zombie-3')).toThrow()
    send(successor, 'b')
    await commit(simulation, successor, 2)
    expect([committed(simulation), committedOffset(simulation)]).toEqual([['b'], 2])
  },
)

test.for(versions)(
  'a member of an old generation commits nothing and can abort (version %i)',
  async (transactionVersion) => {
    const { simulation, producer } = await openTotals({ transactionVersion })
    const port = await simulation.connect('member')
    const joined = await port.joinGroup({
      groupId: 'billing',
      memberId: '',
      instanceId: null,
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 10_000,
      protocolType: 'consumer',
      protocols: [{ name: 'millrace', metadata: bytesOf('') }],
    })
    await port.syncGroup(joined.member, 'consumer', 'millrace', [
      { memberId: joined.member.memberId, assignment: bytesOf('') },
    ])
    const stale = { ...joined.member, generation: joined.member.generation - 1 }
    send(producer, 'stale')
    await expect(
      simulation.clock.run(() => producer.commit(offset(1), stale)),
    ).rejects.toMatchObject({ code: 'ILLEGAL_GENERATION', kind: 'rejoin' })
    await expect(producer.flush()).rejects.toMatchObject({ kind: 'rejoin' })
    await simulation.clock.run(() => producer.abort())
    send(producer, 'fresh')
    await simulation.clock.run(() => producer.commit(offset(2), joined.member))
    expect([committed(simulation), committedOffset(simulation)]).toEqual([['fresh'], 2])
  },
)

test.for(versions)(
  'after an answer that the transaction can only be aborted, abort starts anew (version %i)',
  async (transactionVersion) => {
    const { simulation, producer } = await openTotals({ transactionVersion })
    send(producer, 'first')
    await commit(simulation, producer, 1)
    send(producer, 'doomed-1', 0)
    await simulation.clock.run(() => producer.flush())
    simulation.cluster.faults.refuse(({ api }) => api === 'produce', 'TRANSACTION_ABORTABLE')
    send(producer, 'doomed-2', 0)
    send(producer, 'doomed-3', 1)
    await expect(commit(simulation, producer, 2)).rejects.toMatchObject({ kind: 'abortable' })
    await simulation.clock.run(() => producer.abort())
    await simulation.clock.run(() => producer.commit([], member))
    send(producer, 'second')
    await commit(simulation, producer, 3)
    expect([committed(simulation), committedOffset(simulation)]).toEqual([['first', 'second'], 3])
  },
)

test('under version 1 a lost answer about partitions or offsets ends the producer', async () => {
  for (const api of ['addPartitionsToTxn', 'addOffsetsToTxn'] as const) {
    const { simulation, producer } = await openTotals({ transactionVersion: 1 })
    simulation.cluster.faults.loseReply((request) => request.api === api)
    send(producer, 'a')
    await expect(commit(simulation, producer, 1)).rejects.toMatchObject({ kind: 'network' })
    await expect(producer.flush()).rejects.toMatchObject({ kind: 'network' })
    await takeOver(simulation)
    expect([committed(simulation), committedOffset(simulation)]).toEqual([[], undefined])
  }
})
