import { expect, test } from 'vitest'
import { silentLogger } from '../../core/logger.ts'
import { noHeaders } from '../../core/record.ts'
import type { CommittedOffset, GroupMember } from '../port.ts'
import { bytesOf, simulate, textOf, type Simulation } from './client.fixtures.ts'
import { RecordProducer, type RecordProducerOptions } from './producer.ts'
import { OUTCOME_UNKNOWN } from './transaction.ts'

const member: GroupMember = {
  groupId: 'billing',
  memberId: '',
  generation: -1,
  instanceId: null,
}
const versions = [1, 2] as const

const offset = (at: number): CommittedOffset[] => [
  { topic: 'orders', partition: 0, offset: at, metadata: '' },
]

async function producerOf(
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

async function open(options: Parameters<typeof simulate>[0] = {}) {
  const simulation = simulate(options)
  simulation.cluster.createTopic('orders', 1)
  simulation.cluster.createTopic('totals', 3)
  return { simulation, producer: await producerOf(simulation) }
}

const send = (producer: RecordProducer, value: string, partition = 0): void =>
  producer.send('totals', partition, 1_000, bytesOf('key'), bytesOf(value), noHeaders)

const commit = ({ clock }: Simulation, producer: RecordProducer, at: number): Promise<void> =>
  clock.run(() => producer.commit(offset(at), member))

const committed = ({ cluster }: Simulation): (string | null)[] =>
  [0, 1, 2].flatMap((partition) =>
    cluster.records('totals', partition, 'read_committed').map(({ value }) => textOf(value)),
  )

const committedOffset = ({ cluster }: Simulation): number | undefined =>
  cluster.groupState('billing')?.offsets.get('orders-0')

/** What a new process finds after it has taken over. */
async function takeOver(simulation: Simulation): Promise<RecordProducer> {
  return await producerOf(simulation, { port: await simulation.connect('successor') })
}

test.for(versions)(
  'records and offsets become visible together, transaction after transaction (version %i)',
  async (transactionVersion) => {
    const { simulation, producer } = await open({ transactionVersion, markerDelayMs: 50 })
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
    const { simulation, producer } = await open({ transactionVersion })
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
    const { simulation, producer } = await open({ transactionVersion })
    const before = simulation.cluster.faults.requests.length
    await simulation.clock.run(() => producer.commit([], member))
    await simulation.clock.run(() => producer.abort())
    expect(simulation.cluster.faults.requests.length).toBe(before)
  },
)

test.for(versions)('offsets alone are a transaction (version %i)', async (transactionVersion) => {
  const { simulation, producer } = await open({ transactionVersion })
  await commit(simulation, producer, 3)
  expect(committedOffset(simulation)).toBe(3)
})

test.for(versions)(
  'an aborted transaction leaves nothing and the next one works (version %i)',
  async (transactionVersion) => {
    const { simulation, producer } = await open({ transactionVersion, markerDelayMs: 30 })
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
    const { simulation, producer } = await open({ transactionVersion })
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
    const { simulation } = await open({ transactionVersion })
    const producer = await producerOf(simulation, { batchBytesMax: 200, lingerMs: 1_000 })
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
    const { simulation, producer } = await open({ transactionVersion })
    for (const value of ['a', 'b', 'c']) {
      simulation.cluster.faults.loseReply(({ api }) => api === 'produce', 2)
      send(producer, value)
      await commit(simulation, producer, 1)
    }
    expect(committed(simulation)).toEqual(['a', 'b', 'c'])
  },
)

test.for([
  [1, 'endTxn'],
  [2, 'endTxn'],
  [1, 'txnOffsetCommit'],
  [2, 'txnOffsetCommit'],
] as const)(
  'an answer that is lost leaves the outcome open: the producer says so and is done (version %i, %s)',
  async ([transactionVersion, api]) => {
    for (const arrives of [true, false]) {
      const { simulation, producer } = await open({ transactionVersion })
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
  const { simulation } = await open()
  const producer = await producerOf(simulation, { requestTimeoutMs: 5_000 })
  simulation.cluster.faults.delay(({ api }) => api === 'endTxn', 60_000)
  send(producer, 'a')
  await expect(commit(simulation, producer, 1)).rejects.toMatchObject({ code: OUTCOME_UNKNOWN })
})

test.for(versions)(
  'an EndTxn that arrives late does not touch the transaction of the successor (version %i)',
  async (transactionVersion) => {
    const { simulation, producer } = await open({ transactionVersion })
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
    const { simulation, producer } = await open({ transactionVersion })
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
    const { simulation, producer } = await open({ transactionVersion })
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
    const { simulation, producer } = await open({ transactionVersion })
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

test.for(versions)(
  'a coordinator that loads, moves or is busy costs a delay only (version %i)',
  async (transactionVersion) => {
    const { simulation, producer } = await open({
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
    const { simulation, producer } = await open({ transactionVersion, brokers: 3 })
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
  const { simulation, producer } = await open({ transactionVersion: 2, epochMax: 4 })
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
    const { simulation, producer } = await open({ transactionVersion, markerDelayMs: 500 })
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
  const producer = await producerOf(simulation)
  send(producer, 'a')
  await simulation.clock.run(() => producer.commit([], member))
  expect(committed(simulation)).toEqual(['a'])
})

test('nothing can be sent while a transaction is being ended', async () => {
  const { simulation, producer } = await open()
  send(producer, 'a')
  const committing = producer.commit(offset(1), member)
  expect(() => send(producer, 'b')).toThrow('assertion failed')
  await simulation.clock.run(() => committing)
  send(producer, 'c')
  await commit(simulation, producer, 2)
  expect(committed(simulation)).toEqual(['a', 'c'])
})

test('under version 1 a lost answer about partitions or offsets ends the producer', async () => {
  for (const api of ['addPartitionsToTxn', 'addOffsetsToTxn'] as const) {
    const { simulation, producer } = await open({ transactionVersion: 1 })
    simulation.cluster.faults.loseReply((request) => request.api === api)
    send(producer, 'a')
    await expect(commit(simulation, producer, 1)).rejects.toMatchObject({ kind: 'network' })
    await expect(producer.flush()).rejects.toMatchObject({ kind: 'network' })
    await takeOver(simulation)
    expect([committed(simulation), committedOffset(simulation)]).toEqual([[], undefined])
  }
})
