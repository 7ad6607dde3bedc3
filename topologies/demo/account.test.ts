import { describe, expect, test } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import { silentLogger } from '../../src/core/logger.ts'
import { RecordProducer } from '../../src/kafka/client/producer.ts'
import { SimulatedCluster } from '../../src/kafka/memory/simulated-cluster.ts'
import type { GroupMember, KafkaPort } from '../../src/kafka/port.ts'
import { closeAccount } from './account.ts'
import type { Audit } from './case-study.ts'

const nobody: GroupMember = { groupId: 'orders', memberId: '', generation: -1, instanceId: null }

/** In one transaction, as a service writes its output, spread over two partitions. */
async function write(port: KafkaPort, topics: Readonly<Record<string, number>>): Promise<void> {
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
  for (const [topic, count] of Object.entries(topics)) {
    for (let index = 0; index < count; index += 1) {
      producer.send(topic, null, 0, Buffer.from(`${topic}-${index}`), Buffer.from('{}'), [])
    }
  }
  await producer.commit([], nobody)
  await producer.close()
}

/** Counts what it is shown. */
function counting(topics: readonly string[]): Audit {
  const rows: [count: number, label: string][] = topics.map((topic) => [0, topic])
  return {
    topics,
    read: (topic) => {
      rows[topics.indexOf(topic)]![0] += 1
    },
    close: () => ({ numbers: {}, balanced: true, rows, verdict: '' }),
  }
}

async function rowsOf(written: Readonly<Record<string, number>>, markerDelayMs = 0) {
  using cluster = new SimulatedCluster({ clock: systemClock, markerDelayMs })
  const port = cluster.port('demo')
  await port.connect()
  const topics = Object.keys(written)
  const settings = { partitions: 2, replicationFactor: 1, configs: {} }
  await port.createTopics(topics.map((name) => ({ name, ...settings })))
  await write(port, written)
  return (await closeAccount(port, systemClock, counting(topics))).rows
}

describe('the account', () => {
  test('is made of every record of every topic', async () => {
    expect(await rowsOf({ commands: 5, events: 3 })).toEqual([
      [5, 'commands'],
      [3, 'events'],
    ])
  })

  test('waits for what is committed and not visible everywhere yet', async () => {
    expect(await rowsOf({ commands: 5, events: 3 }, 200)).toEqual([
      [5, 'commands'],
      [3, 'events'],
    ])
  })
})
