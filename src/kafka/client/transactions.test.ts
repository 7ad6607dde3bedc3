import { expect, test } from 'vitest'
import { simulate } from './client.fixtures.ts'
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

test.for(versions)(
  'records and offsets become visible together, transaction after transaction (version %i)',
  async (transactionVersion) => {
    const { simulation, producer } = await openTotals({ transactionVersion, markerDelayMs: 50 })
    for (let round = 1; round <= 5; round += 1) {
      send(producer, `${round}-a`, 0)
      send(producer, `${round}-b`, 1)
      await commit(simulation, producer, round)
    }
    await simulation.clock.advance(1_000)
    expect(committed(simulation).length).toBe(10)
    expect(committedOffset(simulation)).toBe(5)
    const { faults } = simulation.cluster
    const told = faults.count(
      ({ api }) => api === 'addPartitionsToTxn' || api === 'addOffsetsToTxn',
    )
    expect(told > 0).toBe(transactionVersion === 1)
    expect(producer.endOffset('totals', 0)).toBeGreaterThanOrEqual(9)
    expect(producer.endOffset('totals', 2)).toBeUndefined()
  },
)

test.for(versions)(
  'nothing is visible before the commit, nor after a crash instead of it (version %i)',
  async (transactionVersion) => {
    const { simulation, producer } = await openTotals({ transactionVersion })
    send(producer, 'a')
    await simulation.clock.run(() => producer.flush())
    await producer.close()
    expect(committed(simulation)).toEqual([])
    const successor = await takeOver(simulation)
    send(successor, 'b')
    await commit(simulation, successor, 1)
    expect(committed(simulation)).toEqual(['b'])
  },
)

test.for(versions)(
  'a transaction without records and offsets asks nothing of the cluster (version %i)',
  async (transactionVersion) => {
    const { simulation, producer } = await openTotals({ transactionVersion })
    const before = simulation.cluster.faults.requests.length
    await simulation.clock.run(() => producer.commit([], member))
    await simulation.clock.run(() => producer.abort())
    expect(simulation.cluster.faults.requests.length).toBe(before)
  },
)

test.for(versions)('offsets alone are a transaction (version %i)', async (transactionVersion) => {
  const { simulation, producer } = await openTotals({ transactionVersion })
  await commit(simulation, producer, 3)
  expect(committedOffset(simulation)).toBe(3)
})

test.for(versions)(
  'an aborted transaction leaves nothing and the next one works (version %i)',
  async (transactionVersion) => {
    const { simulation, producer } = await openTotals({ transactionVersion, markerDelayMs: 30 })
    for (let round = 0; round < 4; round += 1) {
      send(producer, `lost-${round}`)
      if (round % 2 === 0) await simulation.clock.run(() => producer.flush())
      send(producer, `dropped-${round}`)
      await simulation.clock.run(() => producer.abort())
      send(producer, `kept-${round}`)
      await commit(simulation, producer, round)
    }
    await simulation.clock.advance(1_000)
    expect(committed(simulation)).toEqual(['kept-0', 'kept-1', 'kept-2', 'kept-3'])
  },
)

test.for(versions)(
  'an abort waits for records in doubt, whose sequence would else be used twice (version %i)',
  async (transactionVersion) => {
    const { simulation, producer } = await openTotals({ transactionVersion })
    const { clock, cluster } = simulation
    await clock.run(() => producer.prepare(['totals']))
    cluster.faults.slowBroker(1, 100)
    cluster.faults.loseReply(({ api }) => api === 'produce', 2)
    send(producer, 'in doubt')
    await clock.advance(150)
    send(producer, 'dropped')
    await clock.run(() => producer.abort())
    send(producer, 'kept')
    await commit(simulation, producer, 1)
    expect(committed(simulation)).toEqual(['kept'])
  },
)

test.for(versions)(
  'a full batch that was never sent takes its sequence back when it is aborted (version %i)',
  async (transactionVersion) => {
    const { simulation } = await openTotals({ transactionVersion })
    const producer = await transactionalProducer(simulation, {
      batchBytesMax: 200,
      lingerMs: 1_000,
    })
    await simulation.clock.run(() => producer.prepare(['totals']))
    send(producer, 'committed')
    await commit(simulation, producer, 1)
    for (let each = 0; each < 20; each += 1) send(producer, `dropped-${each}`)
    await simulation.clock.run(() => producer.abort())
    send(producer, 'also committed')
    await commit(simulation, producer, 2)
    expect(committed(simulation)).toEqual(['committed', 'also committed'])
  },
)

test.for(versions)(
  'a record whose acknowledgement is lost is committed once (version %i)',
  async (transactionVersion) => {
    const { simulation, producer } = await openTotals({ transactionVersion })
    for (const value of ['a', 'b', 'c']) {
      simulation.cluster.faults.loseReply(({ api }) => api === 'produce', 2)
      send(producer, value)
      await commit(simulation, producer, 1)
    }
    expect(committed(simulation)).toEqual(['a', 'b', 'c'])
  },
)

test.for(versions)(
  'a coordinator that loads, moves or is busy costs a delay only (version %i)',
  async (transactionVersion) => {
    const { simulation, producer } = await openTotals({
      transactionVersion,
      markerDelayMs: 100,
      brokers: 3,
    })
    const { faults } = simulation.cluster
    for (let round = 1; round <= 6; round += 1) {
      send(producer, `${round}`)
      if (round === 2) faults.moveCoordinator('transaction', 'billing-1')
      if (round === 3) faults.moveCoordinator('group', 'billing')
      if (round === 4) faults.coordinatorGone('transaction', 'billing-1', 3_000)
      if (round === 5) {
        faults.refuse(({ api }) => api === 'endTxn', 'CONCURRENT_TRANSACTIONS', 3)
        faults.refuse(({ api }) => api === 'txnOffsetCommit', 'COORDINATOR_LOAD_IN_PROGRESS', 3)
      }
      await commit(simulation, producer, round)
    }
    await simulation.clock.advance(1_000)
    expect(committed(simulation)).toEqual(['1', '2', '3', '4', '5', '6'])
    expect(committedOffset(simulation)).toBe(6)
  },
)

test.for(versions)(
  'a leader that moves within a transaction loses and doubles nothing (version %i)',
  async (transactionVersion) => {
    const { simulation, producer } = await openTotals({ transactionVersion, brokers: 3 })
    for (let round = 1; round <= 5; round += 1) {
      for (const partition of [0, 1, 2]) send(producer, `${round}-${partition}`, partition)
      simulation.cluster.faults.moveLeader({ topic: 'totals', partition: round % 3 })
      await commit(simulation, producer, round)
    }
    expect(committed(simulation)).toEqual(
      [0, 1, 2].flatMap((partition) => [1, 2, 3, 4, 5].map((round) => `${round}-${partition}`)),
    )
  },
)

test('epochs that run out under version 2 give a new producer id, and nothing is lost', async () => {
  const { simulation, producer } = await openTotals({ transactionVersion: 2, epochMax: 4 })
  const values = Array.from({ length: 12 }, (_, each) => `${each}`)
  for (const [each, value] of values.entries()) {
    send(producer, value)
    await commit(simulation, producer, each)
  }
  expect(committed(simulation)).toEqual(values)
})

test.for(versions)(
  'init waits until the transaction of a dead predecessor is ended (version %i)',
  async (transactionVersion) => {
    const { simulation, producer } = await openTotals({ transactionVersion, markerDelayMs: 500 })
    send(producer, 'a')
    await commit(simulation, producer, 1)
    send(producer, 'b')
    await simulation.clock.run(() => producer.flush())
    simulation.cluster.faults.kill('producer')
    const successor = await takeOver(simulation)
    expect([committed(simulation), committedOffset(simulation)]).toEqual([['a'], 1])
    expect(successor.bufferedBytes).toBe(0)
  },
)

test('an initialisation whose answer is lost is asked for again', async () => {
  const simulation = simulate()
  simulation.cluster.createTopic('totals', 3)
  simulation.cluster.faults.loseReply(({ api }) => api === 'initProducerId', 2)
  const producer = await transactionalProducer(simulation)
  send(producer, 'a')
  await simulation.clock.run(() => producer.commit([], member))
  expect(committed(simulation)).toEqual(['a'])
})

test('nothing can be sent while a transaction is being ended', async () => {
  const { simulation, producer } = await openTotals()
  send(producer, 'a')
  const committing = producer.commit(offset(1), member)
  expect(() => send(producer, 'b')).toThrow('assertion failed')
  await simulation.clock.run(() => committing)
  send(producer, 'c')
  await commit(simulation, producer, 2)
  expect(committed(simulation)).toEqual(['a', 'c'])
})

test.for(versions)(
  'a proof that the coordinator is the coordinator changes nothing (version %i)',
  async (transactionVersion) => {
    const { simulation, producer } = await openTotals({ transactionVersion })
    const { clock, cluster } = simulation
    const prove = (by = producer): Promise<void> =>
      clock.run(() => by.proveCoordinator({ topic: 'orders', partition: 0 }, member))
    await prove()
    expect(committedOffset(simulation)).toBeUndefined()
    send(producer, 'a')
    await commit(simulation, producer, 1)
    await prove()
    expect(committedOffset(simulation)).toBe(1)
    send(producer, 'b')
    await commit(simulation, producer, 2)
    expect(committed(simulation)).toEqual(['a', 'b'])
    // It is a write: who may not write gets no proof.
    const stranger = { ...member, memberId: 'stranger', generation: 7 }
    const refused = clock.run(() =>
      producer.proveCoordinator({ topic: 'orders', partition: 0 }, stranger),
    )
    await expect(refused).rejects.toMatchObject({ kind: 'rejoin' })
    await takeOver(simulation)
    await expect(prove()).rejects.toMatchObject({ kind: expect.stringMatching(/fenced|rejoin/) })
    expect(cluster.groupState('billing')?.offsets.get('orders-0')).toBe(2)
  },
)
