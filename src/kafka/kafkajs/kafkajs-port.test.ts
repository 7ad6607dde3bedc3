import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { describe, expect, test } from 'vitest'
import { systemClock } from '../../core/clock.ts'
import { silentLogger } from '../../core/logger.ts'
import type { GroupMember, KafkaPort } from '../port.ts'
import type { KafkaConnection } from './connection-settings.ts'
import { kafkajsPort } from './kafkajs-port.ts'
import { scriptedBroker, type Answer } from './scripted-broker.fixture.ts'

const portTo = (...brokers: readonly string[]): KafkaPort => portWith({ brokers })

const portWith = (connection: Partial<KafkaConnection>): KafkaPort =>
  kafkajsPort(
    { brokers: [], clientId: 'test', ...connection },
    { logger: silentLogger, clock: systemClock },
  )

async function connected(...brokers: readonly string[]): Promise<KafkaPort & AsyncDisposable> {
  const port = portTo(...brokers)
  await port.connect()
  return { ...port, [Symbol.asyncDispose]: port.close }
}

const member: GroupMember = { groupId: 'orders', memberId: 'm', generation: 1, instanceId: null }
const producer = { producerId: 1, epoch: 0 }
const join = {
  groupId: 'orders',
  memberId: 'm',
  instanceId: null,
  sessionTimeoutMs: 10_000,
  rebalanceTimeoutMs: 10_000,
  protocolType: 'consumer',
  protocols: [],
}
const network = expect.objectContaining({ code: 'NETWORK', kind: 'network' })
const heartbeatRefused =
  (code: number): Answer =>
  (writer) =>
    void writer.int32(0).int16(code)

describe('connecting', () => {
  test('to nothing fails at once and names every broker that was tried', async () => {
    await expect(portTo('127.0.0.1:1', '127.0.0.1:2').connect()).rejects.toThrow(
      expect.objectContaining({
        code: 'NETWORK',
        kind: 'network',
        message: expect.stringContaining('no broker answers at 127.0.0.1:1, 127.0.0.1:2'),
      }),
    )
  })

  test('finds the one broker of the list that is up', async () => {
    await using broker = await scriptedBroker()
    await using port = await connected('127.0.0.1:1', broker.address)
    expect(port.capabilities()).toEqual({ transactionVersion: 1 })
  })

  test('to something that accepts and says nothing fails after the time set for it', async () => {
    const mute = createServer()
    mute.listen(0, '127.0.0.1')
    await once(mute, 'listening')
    const { port } = mute.address() as AddressInfo
    await expect(
      portWith({ brokers: [`127.0.0.1:${port}`], connectTimeoutMs: 50 }).connect(),
    ).rejects.toThrow('no connection within 50 ms')
    mute.close()
  })

  test('to a listener that wants another protocol says what may be the matter', async () => {
    await using broker = await scriptedBroker({ answers: { metadata: () => 'close' } })
    await expect(portTo(broker.address).connect()).rejects.toThrow(
      'the broker closed the connection at once: does this listener want TLS or SASL?',
    )
  })

  test('to a broker before Kafka 2.5 says so', async () => {
    await using broker = await scriptedBroker({ versions: { syncGroup: 4 } })
    await using port = await connected(broker.address)
    await expect(port.syncGroup(member, 'consumer', 'p', [])).rejects.toThrow(
      expect.objectContaining({ code: 'UNSUPPORTED_VERSION', kind: 'fatal' }),
    )
  })

  test('comes before any request', async () => {
    const refused = expect.objectContaining({ code: 'NOT_CONNECTED', kind: 'fatal' })
    await expect(portTo('127.0.0.1:1').metadata('all')).rejects.toThrow(refused)
    await expect(
      portTo('127.0.0.1:1').produce(1, [], { transactionalId: null, acks: -1, timeoutMs: 1 }),
    ).rejects.toThrow(refused)
  })

  test.each(['localhost', 'localhost:99999', 'http://localhost:9092', ''])(
    'refuses %o as the address of a broker',
    (address) => {
      expect(() => portTo(address)).toThrow(expect.objectContaining({ code: 'INVALID_CONFIG' }))
    },
  )
})

describe('the version of transactions', () => {
  const versionsUsed = async (transactionVersion: number) => {
    await using broker = await scriptedBroker({
      transactionVersion,
      answers: {
        endTxn: (writer) =>
          void writer
            .int32(0)
            .int16(0)
            .int64(producer.producerId)
            .int16(producer.epoch + 1)
            .tags(),
        txnOffsetCommit: (writer) =>
          void writer
            .int32(0)
            .array([], () => {})
            .tags(),
        produce: (writer) =>
          void writer
            .array([], () => {})
            .int32(0)
            .tags(),
      },
    })
    await using port = await connected(broker.address)
    await port.produce(1, [], { transactionalId: 'x', acks: -1, timeoutMs: 1 })
    await port.txnOffsetCommit('x', producer, member, [])
    const next = await port.endTxn('x', producer, 'commit')
    const used = broker.received.filter(({ api }) =>
      ['produce', 'txnOffsetCommit', 'endTxn'].includes(api),
    )
    return { next, versions: Object.fromEntries(used.map(({ api, version }) => [api, version])) }
  }

  test('is 2 where it is finalized: every transaction has an epoch of its own', async () => {
    expect(await versionsUsed(2)).toEqual({
      next: { producerId: 1, epoch: 1 },
      versions: { produce: 12, txnOffsetCommit: 5, endTxn: 5 },
    })
  })

  test('is 1 elsewhere: no request claims to add itself to a transaction', async () => {
    expect(await versionsUsed(1)).toEqual({
      next: producer,
      versions: { produce: 11, txnOffsetCommit: 4, endTxn: 4 },
    })
  })
})

describe('a connection that breaks', () => {
  test('fails the requests under way with kind network, the next has a new one', async () => {
    const answers: { heartbeat?: Answer } = { heartbeat: () => 'close' }
    await using broker = await scriptedBroker({ answers })
    await using port = await connected(broker.address)
    await expect(port.heartbeat(member)).rejects.toThrow(network)
    delete answers.heartbeat
    await expect(port.heartbeat(member)).resolves.toBeUndefined()
    expect(broker.countOf('heartbeat')).toBe(2)
  })

  test('is noticed while idle, so that no request is lost to it', async () => {
    await using broker = await scriptedBroker()
    await using port = await connected(broker.address)
    await port.heartbeat(member)
    broker.breakConnections()
    await expect
      .poll(() =>
        port.metadata([]).then(
          () => 'answered',
          () => 'lost',
        ),
      )
      .toBe('answered')
    await expect(port.heartbeat(member)).resolves.toBeUndefined()
  })

  test('is one whose answer never came: a late one cannot meet the wrong request', async () => {
    let silent = true
    await using broker = await scriptedBroker({
      answers: {
        heartbeat: (writer) => (silent ? 'silence' : void writer.int32(0).int16(0)),
      },
    })
    const port = portWith({ brokers: [broker.address], requestTimeoutMs: 100 })
    await port.connect()
    await expect(port.heartbeat(member)).rejects.toThrow(network)
    silent = false
    await port.heartbeat(member)
    const [first, second] = broker.received.filter(({ api }) => api === 'heartbeat')
    expect(second!.connection).toBeGreaterThan(first!.connection)
    await port.close()
  })

  test('is not made again after close, which fails the requests under way', async () => {
    await using broker = await scriptedBroker({ answers: { heartbeat: () => 'silence' } })
    const port = await connected(broker.address)
    const waiting = port.heartbeat(member).catch((error: unknown) => error)
    await expect.poll(() => broker.countOf('heartbeat')).toBe(1)
    await port.close()
    expect(await waiting).toEqual(network)
    await expect(port.metadata('all')).rejects.toThrow(network)
    await expect(port.connect()).rejects.toThrow(network)
  })

  test('is a bug when its bytes make no sense', async () => {
    await using broker = await scriptedBroker({ answers: { heartbeat: () => 'garbage' } })
    await using port = await connected(broker.address)
    await expect(port.heartbeat(member)).rejects.toThrow(
      expect.objectContaining({ code: 'UNREADABLE_ANSWER', kind: 'fatal' }),
    )
  })
})

describe('a broker answers in order, so', () => {
  const fetchOptions = {
    isolation: 'read_committed',
    maxWaitMs: 60_000,
    minBytes: 1,
    maxBytes: 1,
  } as const

  test('a heartbeat waits neither for a fetch nor for a join, nor a commit for either', async () => {
    await using broker = await scriptedBroker({
      answers: { fetch: () => 'silence', joinGroup: () => 'silence' },
    })
    await using port = await connected(broker.address)
    const held = [port.fetch(1, [], fetchOptions), port.joinGroup(join), port.joinGroup(join)]
    for (const each of held) each.catch(() => {})
    await expect.poll(() => broker.countOf('fetch') + broker.countOf('joinGroup')).toBe(3)
    await port.heartbeat(member)
    await port.endTxn('x', producer, 'commit')
    const connections = new Map(broker.received.map(({ api, connection }) => [connection, api]))
    expect([...connections.values()].sort()).toEqual([
      'endTxn',
      'fetch',
      'heartbeat',
      'joinGroup',
      'joinGroup',
    ])
  })

  test('fetches to one broker never wait for each other', async () => {
    await using broker = await scriptedBroker({ answers: { fetch: () => 'silence' } })
    await using port = await connected(broker.address)
    for (let count = 1; count <= 3; count++) {
      port.fetch(1, [], fetchOptions).catch(() => {})
      await expect.poll(() => broker.countOf('fetch')).toBe(count)
    }
  })

  test('others are pipelined in the order they were given, also while connecting', async () => {
    const arrived: (string | null)[] = []
    await using broker = await scriptedBroker({
      answers: {
        produce: (_writer, { body }) => {
          arrived.push(body.nullableString())
          return 'silence'
        },
      },
    })
    // Another name than the one the broker gives itself: its own connection is not open yet.
    await using port = await connected(`localhost:${broker.port}`)
    const given = ['a', 'b', 'c', 'd', 'e']
    for (const transactionalId of given) {
      port.produce(1, [], { transactionalId, acks: -1, timeoutMs: 1_000 }).catch(() => {})
      if (transactionalId === 'c') await expect.poll(() => arrived.length).toBe(3)
    }
    await expect.poll(() => arrived).toEqual(given)
  })
})

describe('a coordinator', () => {
  test('is looked up once, and again after it says that it is none', async () => {
    const answers: { heartbeat?: Answer } = {}
    await using broker = await scriptedBroker({ answers })
    await using port = await connected(broker.address)
    await port.heartbeat(member)
    await port.heartbeat(member)
    expect(broker.countOf('findCoordinator')).toBe(1)

    answers.heartbeat = heartbeatRefused(16)
    await expect(port.heartbeat(member)).rejects.toThrow(
      expect.objectContaining({ code: 'NOT_COORDINATOR', kind: 'retriable' }),
    )
    expect([broker.countOf('heartbeat'), broker.countOf('findCoordinator')]).toEqual([3, 1])

    delete answers.heartbeat
    await port.heartbeat(member)
    expect(broker.countOf('findCoordinator')).toBe(2)
  })

  test('is kept while it refuses for other reasons', async () => {
    await using broker = await scriptedBroker({ answers: { heartbeat: heartbeatRefused(27) } })
    await using port = await connected(broker.address)
    for (let attempt = 0; attempt < 2; attempt++) {
      await expect(port.heartbeat(member)).rejects.toThrow(
        expect.objectContaining({ code: 'REBALANCE_IN_PROGRESS', kind: 'rejoin' }),
      )
    }
    expect(broker.countOf('findCoordinator')).toBe(1)
  })
})

test('one call is one request, whatever the answer', async () => {
  await using broker = await scriptedBroker({
    answers: { endTxn: (writer) => void writer.int32(0).int16(51).tags() },
  })
  await using port = await connected(broker.address)
  await expect(port.endTxn('x', producer, 'commit')).rejects.toThrow(
    expect.objectContaining({ code: 'CONCURRENT_TRANSACTIONS', kind: 'retriable' }),
  )
  expect(broker.countOf('endTxn')).toBe(1)
})

test('a broker that asks for less (KIP-219) is left alone for as long as it says', async () => {
  let throttleMs = 200
  await using broker = await scriptedBroker({
    answers: { heartbeat: (writer) => void writer.int32(throttleMs).int16(0) },
  })
  await using port = await connected(broker.address)
  await port.heartbeat(member)
  throttleMs = 0
  const before = performance.now()
  await port.heartbeat(member)
  expect(performance.now() - before).toBeGreaterThan(150)
})
