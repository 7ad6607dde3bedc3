import { expect, test } from 'vitest'
import { silentLogger } from '../../core/logger.ts'
import { seededRandom, type Random } from '../../core/random.ts'
import { noHeaders } from '../../core/record.ts'
import type { GroupMember } from '../port.ts'
import { bytesOf, simulate, textOf, type Simulation } from './client.fixtures.ts'
import { fetchCommittedOffsets } from './offsets.ts'
import { RecordProducer } from './producer.ts'

const INPUTS = 120
const PARTITIONS = 3
const seeds = Array.from({ length: 30 }, (_, seed) => seed + 1)
const outside: GroupMember = {
  groupId: 'billing',
  memberId: '',
  generation: -1,
  instanceId: null,
}
const apis = [
  'produce',
  'endTxn',
  'txnOffsetCommit',
  'addPartitionsToTxn',
  'addOffsetsToTxn',
  'initProducerId',
  'metadata',
  'offsetFetch',
] as const
const refusals = ['COORDINATOR_LOAD_IN_PROGRESS', 'CONCURRENT_TRANSACTIONS', 'NOT_COORDINATOR']

/** Something goes wrong with one of the next requests, or with the cluster. */
function breakSomething({ cluster }: Simulation, random: Random, version: 1 | 2): void {
  const { faults } = cluster
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T
  const api = pick(apis)
  const where = (request: { api: string }): boolean => request.api === api
  const ms = Math.floor(random() * 4_000)
  switch (Math.floor(random() * 9)) {
    case 0:
      faults.loseReply(where, 1 + Math.floor(random() * 3))
      break
    case 1:
      faults.loseRequest(where, 1 + Math.floor(random() * 3))
      break
    case 2:
      faults.deliverLate(where, ms)
      break
    case 3:
      // Under version 1 these act on whatever transaction is open by then (KIP-890): no client
      // can prevent that.
      if (version === 2 || (api !== 'endTxn' && api !== 'txnOffsetCommit')) {
        faults.duplicate(where, ms)
      }
      break
    case 4:
      faults.delay(where, ms)
      break
    case 5:
      if (api !== 'produce' && api !== 'metadata') faults.refuse(where, pick(refusals))
      break
    case 6:
      faults.moveLeader({ topic: 'totals', partition: Math.floor(random() * PARTITIONS) })
      break
    case 7:
      faults.moveCoordinator(pick(['group', 'transaction']), pick(['billing', 'billing-1']))
      break
    case 8:
      faults.brokerDown(2)
      faults.brokerDown(3)
      faults.brokerUp(pick([2, 3]))
      break
  }
}

/**
 * Copies inputs to outputs in transactions, beginning anew from what is committed after each
 * failure.
 */
async function copyAll(simulation: Simulation, random: Random): Promise<void> {
  const { clock, connect } = simulation
  const zombies: RecordProducer[] = []
  for (let life = 0; life < 400; life += 1) {
    const port = await connect(`worker-${life}`).catch(() => undefined)
    if (port === undefined) continue
    const producer = new RecordProducer({
      port,
      clock,
      logger: silentLogger,
      random,
      transactionalId: 'billing-1',
      transactionTimeoutMs: 30_000,
      compression: 'none',
      lingerMs: 5,
      requestTimeoutMs: 2_000,
      deliveryTimeoutMs: 10_000,
      onProgress: () => {},
    })
    try {
      await producer.init()
      const inputs = [{ topic: 'inputs', partition: 0 }]
      const [stored] = await fetchCommittedOffsets(port, clock, 'billing', inputs, {
        timeoutMs: 20_000,
      })
      for (let position = stored?.offset ?? 0; position < INPUTS;) {
        if (random() < 0.3)
          breakSomething(simulation, random, port.capabilities().transactionVersion)
        const end = Math.min(INPUTS, position + 1 + Math.floor(random() * 8))
        for (; position < end; position += 1) {
          const value = bytesOf(`${position}`)
          producer.send('totals', position % PARTITIONS, 1_000, null, value, noHeaders)
        }
        if (random() < 0.1) throw new Error('the process is paused, and another one takes over')
        await producer.commit(
          [{ topic: 'inputs', partition: 0, offset: end, metadata: '' }],
          outside,
        )
        await Promise.all(
          zombies
            .splice(0)
            .map((zombie) =>
              zombie
                .commit([{ topic: 'inputs', partition: 0, offset: 1, metadata: '' }], outside)
                .catch(() => {}),
            ),
        )
      }
      return
    } catch {
      if (random() < 0.5) zombies.push(producer)
      else await producer.close()
    }
  }
  throw new Error('it never got through')
}

test.for(seeds)(
  'through faults, crashes and zombies every input is counted exactly once (seed %i)',
  async (seed) => {
    using simulation = simulate({
      transactionVersion: seed % 2 === 0 ? 1 : 2,
      brokers: 3,
      markerDelayMs: seed % 3 === 0 ? 0 : 200,
      random: seededRandom(seed),
    })
    simulation.cluster.createTopic('inputs', 1)
    simulation.cluster.createTopic('totals', PARTITIONS)
    await simulation.clock.run(() => copyAll(simulation, seededRandom(1_000 + seed)))
    simulation.cluster.faults.brokerUp(2)
    simulation.cluster.faults.brokerUp(3)
    await simulation.clock.advance(60_000)
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      const values = simulation.cluster
        .records('totals', partition, 'read_committed')
        .map(({ value }) => Number(textOf(value)))
      const expected = Array.from({ length: INPUTS }, (_, each) => each)
      expect(values).toEqual(expected.filter((each) => each % PARTITIONS === partition))
    }
    expect(simulation.cluster.groupState('billing')?.offsets.get('inputs-0')).toBe(INPUTS)
  },
)
