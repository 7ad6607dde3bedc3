import { describe, expect, test } from 'vitest'
import {
  batchesOf,
  endOffset,
  fetchOnce,
  readAll,
  refusalOf,
  retried,
  uniqueName,
  type ContractCluster,
} from './port.contract.kit.ts'
import { outsider, produceBatch, TestProducer, writePlain } from './port.contract.producers.ts'
import {
  committedReads,
  compactedConfigs,
  LONG_ABORT_RECORD_BYTES,
  writeSupersededBatches,
} from './port.contract.scenarios.ts'

/** A topic, and a producer in a transaction of it. */
async function openWithProducer(open: () => Promise<ContractCluster>) {
  const cluster = await open()
  const topic = uniqueName('payments')
  await cluster.createTopic(topic, 2)
  const { clock } = cluster
  const port = await cluster.port('producer')
  const transactionalId = uniqueName('payments-app')
  const producer = await TestProducer.open({ port, clock }, transactionalId)
  const version = port.capabilities().transactionVersion
  return {
    cluster,
    clock,
    port,
    topic,
    transactionalId,
    producer,
    version,
    [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose](),
  }
}

/** Every one of these says: never use this producer again. */
const fenced = { kind: 'fenced' }

export function transactionsContract(open: () => Promise<ContractCluster>): void {
  describe('a reader of committed records', () => {
    test.each(Object.entries(committedReads))('is told enough of %s', async (_, write) => {
      await using cluster = await open()
      const { clock } = cluster
      const topic = uniqueName('read')
      await cluster.createTopic(topic, 1)
      const port = await cluster.port('client')
      const expected = await write({ port, clock }, topic)
      // Wait for markers that are still on their way.
      await untilStable(cluster, topic)

      expect((await readAll(port, topic)).values).toEqual(expected)
      const maxBytes = 2 * LONG_ABORT_RECORD_BYTES
      expect((await readAll(port, topic, { maxBytes })).values).toEqual(expected)
    })

    test('is held back by an open transaction, a reader of everything is not', async () => {
      await using at = await openWithProducer(open)
      await writePlain(at, at.topic, ['before'])
      await at.producer.send(at.topic, ['open'])
      await writePlain(at, at.topic, ['behind'])

      expect(await endOffset(at.port, at.topic, 'read_committed')).toBe(1)
      expect(await endOffset(at.port, at.topic, 'read_uncommitted')).toBe(3)
      const fetched = await fetchOnce(at.port, at.topic, 0)
      expect(fetched).toMatchObject({ lastStableOffset: 1, highWatermark: 3, aborted: [] })
      expect(batchesOf(fetched).map(({ lastOffset }) => lastOffset)).toEqual([0])
      const beyond = await fetchOnce(at.port, at.topic, 1, { maxWaitMs: 50 })
      expect(beyond.batches.length).toBe(0)
      const everything = await readAll(at.port, at.topic, { isolation: 'read_uncommitted' })
      expect(everything.values).toEqual(['before', 'open', 'behind'])
    })

    test('who waits is woken by the commit', async () => {
      await using at = await openWithProducer(open)
      const reader = await at.cluster.port('reader')
      await at.producer.send(at.topic, ['soon'])
      const startMs = at.clock.nowMs()
      const waiting = fetchOnce(reader, at.topic, 0, { maxWaitMs: 20_000 })
      await at.clock.sleep(100)
      await at.producer.commit()

      expect(batchesOf(await waiting)[0]?.records.length).toBe(1)
      expect(at.clock.nowMs() - startMs).toBeLessThan(10_000)
    })

    test('gets past a batch that compaction has emptied', async ({ skip }) => {
      await using cluster = await open()
      const { clock, forceCompaction } = cluster
      if (forceCompaction === undefined) skip('the log cleaner cannot be had here')
      const topic = uniqueName('compacted')
      await cluster.createTopic(topic, 1, compactedConfigs)
      const port = await cluster.port('client')
      const keys = await writeSupersededBatches({ port, clock }, topic)
      await forceCompaction?.(topic)

      const { batches, records } = await readAll(port, topic)
      const last = await endOffset(port, topic)
      expect(batches.some((batch) => batch.records.length === 0)).toBe(true)
      expect(batches.at(-1)?.lastOffset).toBe((last ?? 0) - 1)
      expect(new Set(records.map(({ key }) => Buffer.from(key ?? []).toString()))).toEqual(
        new Set(keys),
      )
    })
  })

  commitContract(open)
  fencingContract(open)
  lateRequestsContract(open)
}

function commitContract(open: () => Promise<ContractCluster>): void {
  describe('a transaction', () => {
    test('shows everything it wrote, or nothing', async () => {
      await using at = await openWithProducer(open)
      for (const end of ['abort', 'commit'] as const) {
        await at.producer.send(at.topic, [`${end} 0`], { partition: 0 })
        await at.producer.send(at.topic, [`${end} 1`], { partition: 1 })
        await at.producer[end]()
      }
      await untilStable(at.cluster, at.topic)
      await untilStable(at.cluster, at.topic, 1)
      expect((await readAll(at.port, at.topic, { partition: 0 })).values).toEqual(['commit 0'])
      expect((await readAll(at.port, at.topic, { partition: 1 })).values).toEqual(['commit 1'])
    })

    test('a batch repeated after a lost answer is in it once', async () => {
      await using at = await openWithProducer(open)
      await at.producer.add(at.topic)
      const batch = at.producer.batch(['once'], 0)
      const first = await retried(at.clock, () => at.producer.sendBatch(at.topic, batch))
      const again = await at.producer.sendBatch(at.topic, batch)
      expect([first, -1]).toContain(again)
      await at.producer.commit()
      await untilStable(at.cluster, at.topic)
      expect((await readAll(at.port, at.topic)).values).toEqual(['once'])
    })

    test('a partition that was not added is refused, or added by the write itself', async () => {
      await using at = await openWithProducer(open)
      const batch = at.producer.batch(['unannounced'], 0)
      const answer = await refusalOf(at.producer.sendBatch(at.topic, batch))
      if (at.version === 2) expect(answer).toBe('accepted')
      else expect(answer).toMatchObject({ kind: 'abortable' })
    })

    test('that takes too long is aborted and its producer shut out', async () => {
      await using at = await openWithProducer(open)
      const slow = await TestProducer.open(at, at.transactionalId, 1_000)
      await slow.send(at.topic, ['too slow'])
      // A broker looks for expired transactions every ten seconds.
      await untilStable(at.cluster, at.topic)

      expect(await refusalOf(slow.sendBatch(at.topic, slow.batch(['later'], 1)))).toMatchObject(
        fenced,
      )
      // To version 2 this is the end of a transaction that was aborted already.
      expect(await refusalOf(endOf(at, slow.identity, 'commit'))).toMatchObject(
        at.version === 2 ? { code: 'INVALID_TXN_STATE' } : fenced,
      )
      expect((await readAll(at.port, at.topic)).values).toEqual([])
    })

    test('cannot be given more time than the broker allows', async () => {
      await using at = await openWithProducer(open)
      const patient = at.port.initProducerId(at.transactionalId, 24 * 3_600_000)
      expect(await refusalOf(patient)).toEqual({
        code: 'INVALID_TRANSACTION_TIMEOUT',
        kind: 'fatal',
      })
    })
  })
}

function fencingContract(open: () => Promise<ContractCluster>): void {
  describe('initialising a transactional id again', () => {
    test('is a barrier: what the holder before left open is aborted', async () => {
      await using at = await openWithProducer(open)
      const group = uniqueName('group')
      await at.producer.send(at.topic, ['of the holder before'])
      await at.producer.sendOffsets(outsider(group), [
        { topic: at.topic, partition: 1, offset: 7, metadata: '' },
      ])
      const next = await TestProducer.open(at, at.transactionalId)

      expect((await readAll(at.port, at.topic)).values).toEqual([])
      const offsets = await at.port.offsetFetch(group, [{ topic: at.topic, partition: 1 }], true)
      expect(offsets.map(({ offset }) => offset)).toEqual([null])
      await next.send(at.topic, ['of the new holder'])
      await next.commit()
      await untilStable(at.cluster, at.topic)
      expect((await readAll(at.port, at.topic)).values).toEqual(['of the new holder'])
    })

    test('shuts the holder before out of everything', async () => {
      await using at = await openWithProducer(open)
      const group = uniqueName('group')
      await at.producer.send(at.topic, ['zombie'])
      const zombie = at.producer
      await TestProducer.open(at, at.transactionalId)

      const offsets = [{ topic: at.topic, partition: 1, offset: 7, metadata: '' }]
      expect(
        await Promise.all([
          refusalOf(zombie.sendBatch(at.topic, zombie.batch(['on'], 1))),
          refusalOf(zombie.sendBatch(at.topic, zombie.batch(['on'], 0), 1)),
          refusalOf(zombie.sendOffsets(outsider(group), offsets)),
          refusalOf(endOf(at, zombie.identity, 'commit')),
          refusalOf(endOf(at, zombie.identity, 'abort')),
        ]),
      ).toMatchObject([fenced, fenced, fenced, fenced, fenced])
      expect((await readAll(at.port, at.topic)).values).toEqual([])
    })

    test('gives a higher epoch, whose sequences begin again', async () => {
      await using at = await openWithProducer(open)
      await at.producer.send(at.topic, ['one', 'two'])
      await at.producer.commit()
      const before = at.producer.identity
      const next = await TestProducer.open(at, at.transactionalId)

      expect(next.identity.producerId).toBe(before.producerId)
      expect(next.identity.epoch).toBeGreaterThan(before.epoch)
      await next.send(at.topic, ['three'])
      await next.commit()
      await untilStable(at.cluster, at.topic)
      expect((await readAll(at.port, at.topic)).values).toEqual(['one', 'two', 'three'])
    })
  })
}

function lateRequestsContract(open: () => Promise<ContractCluster>): void {
  describe('a request that arrives late', () => {
    test('an end that is repeated is answered as before', async () => {
      await using at = await openWithProducer(open)
      for (const outcome of ['commit', 'abort'] as const) {
        await at.producer.send(at.topic, [outcome])
        const { identity } = at.producer
        await at.producer[outcome]()
        expect(await retried(at.clock, () => endOf(at, identity, outcome))).toEqual(
          at.producer.identity,
        )
      }
      expect((await readAll(at.port, at.topic)).values).toEqual(['commit'])
    })

    test('an end that contradicts the one before is refused', async () => {
      await using at = await openWithProducer(open)
      await at.producer.send(at.topic, ['done'])
      const { identity } = at.producer
      await at.producer.commit()
      await untilStable(at.cluster, at.topic)
      const contradiction = retried(at.clock, () => endOf(at, identity, 'abort'))
      expect(await refusalOf(contradiction)).toMatchObject({ code: 'INVALID_TXN_STATE' })
      expect((await readAll(at.port, at.topic)).values).toEqual(['done'])
    })

    test('an end does not touch a later transaction', async () => {
      await using at = await openWithProducer(open)
      await at.producer.send(at.topic, ['first'])
      const { identity: before } = at.producer
      await at.producer.commit()
      // Version 2 bumped the epoch. Under version 1 nothing tells this request from one for the
      // next transaction (Jepsen on Bufstream 0.1.0): after an answer that was lost, only a new
      // initialisation before anything else makes the late request harmless.
      const producer =
        at.version === 2 ? at.producer : await TestProducer.open(at, at.transactionalId)
      await producer.send(at.topic, ['second'])

      expect(await refusalOf(endOf(at, before, 'commit'))).toMatchObject(fenced)
      expect(await refusalOf(endOf(at, before, 'abort'))).toMatchObject(fenced)
      expect((await readAll(at.port, at.topic)).values).toEqual(['first'])
      await producer.commit()
      await untilStable(at.cluster, at.topic)
      expect((await readAll(at.port, at.topic)).values).toEqual(['first', 'second'])
    })

    test('a write does not get into a later transaction', async () => {
      await using at = await openWithProducer(open)
      const late = at.producer.batch(['late'], 0)
      const { identity: before } = at.producer
      await at.producer.send(at.topic, ['on time'], { partition: 1 })
      await at.producer.commit()
      const producer =
        at.version === 2 ? at.producer : await TestProducer.open(at, at.transactionalId)
      await producer.send(at.topic, ['next'])

      expect(producer.identity).not.toEqual(before)
      const { transactionalId } = at
      const arrival = produceBatch(at.port, at.topic, late, { transactionalId })
      expect(await refusalOf(arrival)).toMatchObject(fenced)
      await producer.commit()
      await untilStable(at.cluster, at.topic)
      expect((await readAll(at.port, at.topic)).values).toEqual(['next'])
    })
  })
}

type Opened = Awaited<ReturnType<typeof openWithProducer>>

const endOf = (
  { port, transactionalId }: Opened,
  identity: { readonly producerId: number; readonly epoch: number },
  outcome: 'commit' | 'abort',
) => port.endTxn(transactionalId, identity, outcome)

/** Until every transaction of the partition has its marker. */
async function untilStable(cluster: ContractCluster, topic: string, partition = 0): Promise<void> {
  const port = await cluster.port('watcher')
  for (let look = 0; look < 400; look += 1) {
    const stable = await endOffset(port, topic, 'read_committed', partition)
    const end = await endOffset(port, topic, 'read_uncommitted', partition)
    if (stable === end) return
    await cluster.clock.sleep(50)
  }
  throw new Error('a transaction is still open')
}
