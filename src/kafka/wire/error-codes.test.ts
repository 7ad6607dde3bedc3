import { expect, test } from 'vitest'
import { KafkaError } from '../port.ts'
import { kafkaErrorFrom, throwIfFailed } from './error-codes.ts'

const all = Array.from({ length: 138 }, (_, index) => kafkaErrorFrom(index - 1, 'a request'))
const codesOf = (kind: string): readonly string[] =>
  all.filter((error) => error.kind === kind).map(({ code }) => code)

test('an error says what was asked, what Kafka calls it and what the broker added', () => {
  const error = kafkaErrorFrom(38, 'creating topic "orders"', 'only 1 broker is registered')
  expect(error).toBeInstanceOf(KafkaError)
  const { code, kind, message } = error
  expect({ code, kind, message }).toEqual({
    code: 'INVALID_REPLICATION_FACTOR',
    kind: 'fatal',
    message:
      'creating topic "orders" failed with INVALID_REPLICATION_FACTOR (only 1 broker is registered)',
  })
})

test('the numbers are those of Kafka', () => {
  const named = Object.fromEntries(
    [-1, 1, 3, 6, 16, 22, 25, 27, 36, 47, 51, 58, 59, 79, 82, 88, 89, 90, 100, 110, 120, 136].map(
      (code) => [code, kafkaErrorFrom(code, '').code],
    ),
  )
  expect(named).toEqual({
    '-1': 'UNKNOWN_SERVER_ERROR',
    1: 'OFFSET_OUT_OF_RANGE',
    3: 'UNKNOWN_TOPIC_OR_PARTITION',
    6: 'NOT_LEADER_OR_FOLLOWER',
    16: 'NOT_COORDINATOR',
    22: 'ILLEGAL_GENERATION',
    25: 'UNKNOWN_MEMBER_ID',
    27: 'REBALANCE_IN_PROGRESS',
    36: 'TOPIC_ALREADY_EXISTS',
    47: 'INVALID_PRODUCER_EPOCH',
    51: 'CONCURRENT_TRANSACTIONS',
    58: 'SASL_AUTHENTICATION_FAILED',
    59: 'UNKNOWN_PRODUCER_ID',
    79: 'MEMBER_ID_REQUIRED',
    82: 'FENCED_INSTANCE_ID',
    88: 'UNSTABLE_OFFSET_COMMIT',
    89: 'THROTTLING_QUOTA_EXCEEDED',
    90: 'PRODUCER_FENCED',
    100: 'UNKNOWN_TOPIC_ID',
    110: 'FENCED_MEMBER_EPOCH',
    120: 'TRANSACTION_ABORTABLE',
    136: 'CONTROLLER_ID_NOT_REGISTERED',
  })
})

test('what takes the transactional id away is fencing, what spoils a transaction is not', () => {
  expect(codesOf('fenced')).toEqual([
    'INVALID_PRODUCER_EPOCH',
    'INVALID_PRODUCER_ID_MAPPING',
    'PRODUCER_FENCED',
  ])
  expect(codesOf('abortable')).toEqual([
    'OUT_OF_ORDER_SEQUENCE_NUMBER',
    'DUPLICATE_SEQUENCE_NUMBER',
    'INVALID_TXN_STATE',
    'UNKNOWN_PRODUCER_ID',
    'TRANSACTION_ABORTABLE',
  ])
})

test('a broker that wrote and then gave up leaves the outcome open', () => {
  expect(codesOf('network')).toEqual([
    'REQUEST_TIMED_OUT',
    'NETWORK_EXCEPTION',
    'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
  ])
})

test('a generation that is gone is a reason to join again', () => {
  expect(codesOf('rejoin')).toEqual([
    'ILLEGAL_GENERATION',
    'UNKNOWN_MEMBER_ID',
    'REBALANCE_IN_PROGRESS',
    'MEMBER_ID_REQUIRED',
    'FENCED_MEMBER_EPOCH',
    'STALE_MEMBER_EPOCH',
  ])
})

test('a number from a newer Kafka is fatal and keeps its number', () => {
  expect(kafkaErrorFrom(999, 'a request')).toMatchObject({
    code: 'UNKNOWN_ERROR_CODE_999',
    kind: 'fatal',
  })
})

test('0 is success', () => {
  expect(() => throwIfFailed(0, 'a request')).not.toThrow()
  expect(() => throwIfFailed(51, 'a request')).toThrow(
    'a request failed with CONCURRENT_TRANSACTIONS',
  )
})
