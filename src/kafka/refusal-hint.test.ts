import { expect, test } from 'vitest'
import { KafkaError } from './port.ts'
import { refusalHint } from './refusal-hint.ts'

test.each([
  ['TOPIC_AUTHORIZATION_FAILED', 'fetching orders-0', 'Grant this user Read on that topic'],
  ['TOPIC_AUTHORIZATION_FAILED', 'committing orders-0 for group "a" in', 'user Read on that topic'],
  ['TOPIC_AUTHORIZATION_FAILED', 'producing to events-1', 'Grant this user Write on that topic'],
  ['TOPIC_AUTHORIZATION_FAILED', 'adding events-1 to transaction "a"', 'user Write on that topic'],
  ['TOPIC_AUTHORIZATION_FAILED', 'describing topic "a-counts-changelog"', 'DescribeConfigs'],
  ['TOPIC_AUTHORIZATION_FAILED', 'creating topic "a-counts-changelog"', 'user Create on'],
  ['TOPIC_AUTHORIZATION_FAILED', 'deleting records of a-0', 'user Delete on'],
  ['TOPIC_AUTHORIZATION_FAILED', 'asking for the metadata of "orders"', 'Read (or Write,'],
  ['GROUP_AUTHORIZATION_FAILED', 'joining group "orders"', 'user Read on that group'],
  ['GROUP_AUTHORIZATION_FAILED', 'deleting group "orders"', 'user Delete on that group'],
  ['TRANSACTIONAL_ID_AUTHORIZATION_FAILED', 'initialising', 'user Write on transactional ids'],
  ['CLUSTER_AUTHORIZATION_FAILED', 'initialising a producer', 'IdempotentWrite on the cluster'],
  ['INVALID_SESSION_TIMEOUT', 'joining group "orders"', '--session-timeout'],
  ['INVALID_TRANSACTION_TIMEOUT', 'initialising', '--transaction-timeout'],
  ['INVALID_REPLICATION_FACTOR', 'creating topic "a"', '--replication-factor'],
  ['GROUP_MAX_SIZE_REACHED', 'joining group "orders"', 'group.max.size'],
  ['MESSAGE_TOO_LARGE', 'producing to events-1', 'max.message.bytes'],
])('%s while %s has a hint that names what to do', (code, what, hint) => {
  const error = new KafkaError(code, 'fatal', `${what} failed with ${code}`)
  expect(refusalHint(error)).toContain(hint)
})

test('what says all itself has no hint of its own', () => {
  const error = new KafkaError('INVALID_REQUEST', 'fatal', 'fetching failed with INVALID_REQUEST')
  expect(refusalHint(error)).toBeUndefined()
})
