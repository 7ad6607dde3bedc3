import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { offsetsContract } from '../port.contract.offsets.ts'
import { transactionsContract } from '../port.contract.transactions.ts'
import { formattedKafka, type FormattedKafka } from './formatted-kafka.fixture.ts'
import { realCluster } from './real-cluster.fixture.ts'

let kafka: FormattedKafka
beforeAll(async () => {
  kafka = await formattedKafka({
    args: ['--feature', 'transaction.version=0'],
    properties: () => Promise.resolve({ 'log.cleaner.backoff.ms': '500' }),
  })
})
afterAll(() => kafka[Symbol.asyncDispose]())

describe('a cluster that has not finalized transaction version 2', { timeout: 60_000 }, () => {
  const open = () => realCluster(kafka.brokers)

  test('is told of partitions and offsets first', async () => {
    await using cluster = await open()
    const port = await cluster.port('client')
    expect(port.capabilities()).toEqual({ transactionVersion: 1 })
  })

  transactionsContract(open)
  offsetsContract(open)
})
