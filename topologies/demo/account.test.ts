import { describe, expect, test } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import { silentLogger } from '../../src/core/logger.ts'
import type { Header } from '../../src/core/record.ts'
import { RecordProducer } from '../../src/kafka/client/producer.ts'
import { SimulatedCluster } from '../../src/kafka/memory/simulated-cluster.ts'
import type { GroupMember, KafkaPort } from '../../src/kafka/port.ts'
import { closeAccount, inputId, inputIdHeader, type Account } from './account.ts'

const topics = {
  inputs: ['commands', 'payments'],
  events: 'events',
  rejected: 'refused',
  deadLetters: 'dead-letters',
}

/** The numbers of the records of run `now` in each topic, those of run `before` as text. */
type Written = Readonly<Record<string, readonly (number | string)[]>>

async function accountOf(written: Written, markerDelayMs = 0): Promise<Account> {
  using cluster = new SimulatedCluster({ clock: systemClock, markerDelayMs })
  const port = cluster.port('demo')
  await port.connect()
  const { inputs, events, rejected, deadLetters } = topics
  await port.createTopics(
    [...inputs, events, rejected, deadLetters].map((name) => ({
      name,
      partitions: 2,
      replicationFactor: 1,
      configs: {},
    })),
  )
  await write(port, written)
  return await closeAccount(port, systemClock, topics, 'now')
}

const nobody: GroupMember = { groupId: 'orders', memberId: '', generation: -1, instanceId: null }

/** In one transaction, as the orders service writes its output. */
async function write(port: KafkaPort, written: Written): Promise<void> {
  const producer = new RecordProducer({
    port,
    clock: systemClock,
    logger: silentLogger,
    transactionalId: 'worker',
    transactionTimeoutMs: 10_000,
    compression: 'none',
    lingerMs: 0,
    onProgress: () => {},
  })
  await producer.init()
  for (const [topic, ids] of Object.entries(written)) {
    for (const id of ids) {
      const text = typeof id === 'number' ? inputId('now', id) : id
      const header: Header = [inputIdHeader, Buffer.from(text)]
      producer.send(topic, null, 0, Buffer.from(text), Buffer.from('{}'), [header])
    }
  }
  await producer.commit([], nobody)
  await producer.close()
}

const input: Written = { commands: [1, 2, 4], payments: [3, 5] }
const output: Written = { events: [5, 1], refused: [2, 3], 'dead-letters': [4] }

describe('the account', () => {
  test('is balanced when each record came out once, wherever', async () => {
    expect(await accountOf({ ...input, ...output })).toEqual({
      input: 5,
      events: 2,
      rejected: 2,
      deadLetters: 1,
      missing: 0,
      doubled: 0,
      balanced: true,
    })
  })

  test('notices a record that came out nowhere', async () => {
    const account = await accountOf({ ...input, ...output, refused: [2] })
    expect(account).toMatchObject({ missing: 1, doubled: 0, balanced: false })
  })

  test('notices a record that came out twice, in one topic or in two', async () => {
    const inOne = await accountOf({ ...input, ...output, events: [5, 1, 5] })
    expect(inOne).toMatchObject({ missing: 0, doubled: 1, balanced: false })
    const inTwo = await accountOf({ ...input, ...output, refused: [2, 3, 4] })
    expect(inTwo).toMatchObject({ missing: 0, doubled: 1, balanced: false })
  })

  test('is not deceived by one missing and one doubled, though the sums are equal', async () => {
    const account = await accountOf({ ...input, ...output, refused: [2, 2] })
    expect(account).toEqual({
      input: 5,
      events: 2,
      rejected: 2,
      deadLetters: 1,
      missing: 1,
      doubled: 1,
      balanced: false,
    })
  })

  test('notices a record that nobody wrote', async () => {
    const account = await accountOf({ ...input, ...output, events: [5, 1, 200_000] })
    expect(account).toMatchObject({ input: 5, missing: 0, doubled: 0, balanced: false })
  })

  test('waits for what is committed and not visible everywhere yet', async () => {
    const account = await accountOf({ ...input, ...output }, 200)
    expect(account).toMatchObject({ input: 5, events: 2, balanced: true })
  })

  test('leaves the records of earlier runs out', async () => {
    const account = await accountOf({
      commands: [1, 'before/1', 'before/2'],
      payments: [],
      events: ['before/1', 1, 'before/1'],
    })
    expect(account).toMatchObject({ input: 1, events: 1, balanced: true })
  })

  test('of nothing is balanced', async () => {
    expect(await accountOf({})).toMatchObject({ input: 0, balanced: true })
  })
})
