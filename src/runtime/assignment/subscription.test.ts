import { describe, expect, test } from 'vitest'
import type { TopicPartition } from '../../core/topic-partition.ts'
import {
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
} from '../../kafka/wire/consumer-protocol.ts'
import {
  assignmentFor,
  noAssignment,
  parseAssignment,
  parseSubscription,
  subscriptionMetadata,
} from './subscription.ts'
import { testTopology } from './test-topology.ts'

const topology = testTopology((graph) => {
  const byCustomer = graph.repartition(graph.read('orders'), 'by-customer')
  graph.keep('counts', [byCustomer, graph.read(/^payments/)])
})

const source = (name: string, partition: number): TopicPartition => ({ topic: name, partition })

const json = (fields: object): Uint8Array => new TextEncoder().encode(JSON.stringify(fields))

const subscriptionOf = (userData: Uint8Array | null): Uint8Array =>
  encodeSubscription({ topics: [], userData, owned: [] })

const assignmentOf = (userData: Uint8Array | null): Uint8Array =>
  encodeAssignment({ partitions: [], userData })

const metadata = subscriptionMetadata({
  topology,
  applicationId: 'shop',
  processId: 'process-1',
  threadIndex: 2,
  owned: ['0_1', '1_12'],
  stored: new Map([
    ['1_12', 4_711],
    ['1_3', 0],
  ]),
  restoring: ['1_12'],
  standby: ['1_3', '1_4'],
  caughtUp: ['1_3'],
  server: 'http://10.0.0.7:8080',
})

const nothingElse = { restoring: [], standby: [], caughtUp: [], server: undefined }

describe('a subscription', () => {
  test('tells the leader who a member is, what it runs and what it has stored', () => {
    expect(parseSubscription(metadata)).toEqual({
      processId: 'process-1',
      threadIndex: 2,
      fingerprint: topology.fingerprint,
      owned: ['0_1', '1_12'],
      stored: new Map([
        ['1_12', 4_711],
        ['1_3', 0],
      ]),
      restoring: ['1_12'],
      standby: ['1_3', '1_4'],
      caughtUp: ['1_3'],
      server: 'http://10.0.0.7:8080',
    })
  })

  test('names the topics for the tools of Kafka', () => {
    expect(decodeSubscription(metadata).topics).toEqual(['orders', 'shop-by-customer-repartition'])
  })

  test('of a newer release with more fields is read', () => {
    const fields = { processId: 'p', threadIndex: 0, fingerprint: 'f', owned: ['0_0'], stored: {} }
    const newer = subscriptionOf(json({ version: 1, ...fields, rack: 'eu-1' }))
    expect(parseSubscription(newer)).toEqual({
      ...fields,
      ...nothingElse,
      stored: new Map(),
    })
  })

  test('of a later version is refused with both versions named', () => {
    expect(() => parseSubscription(subscriptionOf(json({ version: 2 })))).toThrow(
      expect.objectContaining({
        code: 'INVALID_CONFIG',
        message: 'the subscription of a group member has version 2, this one reads up to 1',
      }),
    )
  })

  test.each([
    ['bytes of another protocol', Uint8Array.of(1, 2, 3)],
    ['no user data', subscriptionOf(null)],
    ['text', subscriptionOf(new TextEncoder().encode('range'))],
    ['a list', subscriptionOf(json([]))],
    ['no process', subscriptionOf(json({ version: 1 }))],
    [
      'a task that is none',
      subscriptionOf(
        json({
          version: 1,
          processId: 'p',
          threadIndex: 0,
          fingerprint: 'f',
          owned: ['orders-0'],
          stored: {},
        }),
      ),
    ],
  ])('of another program is refused: %s', (_, bytes) => {
    expect(() => parseSubscription(bytes)).toThrow(
      expect.objectContaining({
        code: 'INVALID_CONFIG',
        message: 'the subscription of a group member cannot be read',
      }),
    )
  })
})

describe('an assignment', () => {
  const tasks = [
    { id: '0_0', sources: [{ topic: 'orders', partition: 0 }], partitions: 1 },
    {
      id: '1_0',
      sources: [
        { topic: 'shop-by-customer-repartition', partition: 0 },
        { topic: 'payments-eu', partition: 0 },
      ],
      partitions: 4,
    },
    { id: '1_3', sources: [{ topic: 'payments-eu', partition: 3 }], partitions: 4 },
  ] as const

  test('tells a member its tasks and all that it needs to open them', () => {
    const bytes = assignmentFor({ tasks, rejoinAfterRevoke: true, error: undefined })
    expect(parseAssignment(bytes)).toEqual({
      ...noAssignment,
      counts: new Map([
        [0, 1],
        [1, 4],
      ]),
      active: ['0_0', '1_0', '1_3'],
      tasks: [
        tasks[0],
        // The protocol groups partitions by topic.
        { ...tasks[1], sources: expect.arrayContaining([...tasks[1].sources]) as unknown },
        tasks[2],
      ],
      rejoinAfterRevoke: true,
      error: undefined,
    })
  })

  test('tells what to follow, what is to move here and who else there is', () => {
    const counts = new Map([
      [0, 1],
      [1, 4],
    ])
    const standby = [
      tasks[2],
      { ...tasks[2], id: '1_2', sources: [source('payments-eu', 2)] },
    ] as const
    const members = [
      { processId: 'a', server: 'http://a:8080', active: ['0_0'], standby: ['1_2'] },
      { processId: 'b', server: undefined, active: ['1_2', '1_3'], standby: [] },
    ] as const
    const given = { standby, warmUps: ['1_3'] as const, members, counts }
    const bytes = assignmentFor({
      tasks: [tasks[0]],
      ...given,
      rejoinAfterRevoke: false,
      error: undefined,
    })
    expect(parseAssignment(bytes)).toEqual({
      ...noAssignment,
      ...given,
      active: ['0_0'],
      tasks: [tasks[0]],
    })
    expect(decodeAssignment(bytes).partitions).toEqual([source('orders', 0)])
  })

  test('lists the partitions for the tools of Kafka', () => {
    const bytes = assignmentFor({ tasks, rejoinAfterRevoke: false, error: undefined })
    expect(decodeAssignment(bytes).partitions).toEqual([
      { topic: 'orders', partition: 0 },
      { topic: 'shop-by-customer-repartition', partition: 0 },
      { topic: 'payments-eu', partition: 0 },
      { topic: 'payments-eu', partition: 3 },
    ])
  })

  test('tells why there are no tasks', () => {
    const error = { code: 'TOPIC_MISSING', message: 'no orders', hint: 'Create it.' } as const
    expect(parseAssignment(assignmentFor({ tasks: [], rejoinAfterRevoke: false, error }))).toEqual({
      ...noAssignment,
      error,
    })
  })

  test('keeps the words of an error whose code is of a newer release', () => {
    const error = { code: 'SOMETHING_NEW', message: 'no luck', hint: 'Wait.' }
    const fields = { version: 1, active: [], counts: {}, topics: {}, error }
    expect(parseAssignment(assignmentOf(json(fields))).error).toEqual({
      ...error,
      code: 'THREAD_FAILED',
    })
  })

  test('without any bytes is empty', () => {
    expect(parseAssignment(new Uint8Array(0))).toEqual(noAssignment)
  })

  test('of a newer release with more fields is read', () => {
    const fields = { version: 1, active: [], counts: {}, topics: {}, racks: ['eu-1'] }
    expect(parseAssignment(assignmentOf(json(fields)))).toEqual(parseAssignment(new Uint8Array(0)))
  })

  test('of a later version or another program is refused', () => {
    expect(() => parseAssignment(assignmentOf(json({ version: 9 })))).toThrow(
      expect.objectContaining({
        code: 'INVALID_CONFIG',
        message: 'the assignment of a group member has version 9, this one reads up to 1',
      }),
    )
    expect(() => parseAssignment(assignmentOf(null))).toThrow(
      expect.objectContaining({ message: 'the assignment of a group member cannot be read' }),
    )
  })
})
