/**
 * Logs that readers get wrong, each written to an empty partition 0 of a topic. Each resolves to
 * the values a correct reader of committed records sees, in order. The consumers of kafkajs 2.2.4
 * and of @platformatic/kafka 2.12.1 leak aborted records on one or other of them.
 */
import { bytes, retried, uniqueName } from './port.contract.kit.ts'
import { TestProducer, writePlain, type Writing } from './port.contract.producers.ts'

export type Scenario = (writing: Writing, topic: string) => Promise<readonly string[]>

/** A data record that looks like an abort marker to whoever compares keys only. */
export const writeAbortedZeroKey: Scenario = async (writing, topic) => {
  const producer = await TestProducer.open(writing, uniqueName('zero-key'))
  await producer.send(topic, [
    { key: Buffer.from([0, 0, 0, 0]), value: bytes('aborted, key 0') },
    'aborted, behind key 0',
  ])
  await producer.abort()
  await producer.send(topic, [
    { key: Buffer.from([0, 0, 0, 0]), value: bytes('committed, key 0') },
    'committed, behind key 0',
  ])
  await producer.commit()
  return ['committed, key 0', 'committed, behind key 0']
}

/**
 * The transaction that began later is aborted first, so the aborted list is not in offset order.
 */
export const writeInterleavedAborts: Scenario = async (writing, topic) => {
  const first = await TestProducer.open(writing, uniqueName('first'))
  const second = await TestProducer.open(writing, uniqueName('second'))
  await first.send(topic, ['first: aborted'])
  await second.send(topic, ['second: aborted'])
  await first.send(topic, ['first: aborted too'])
  await second.abort()
  await second.send(topic, ['second: committed'])
  await first.send(topic, ['first: aborted at last'])
  await second.commit()
  await first.abort()
  await first.send(topic, ['first: committed'])
  await first.commit()
  return ['second: committed', 'first: committed']
}

/** Two aborted transactions of one producer, a committed one between them. */
export const writeTwoAbortsOfOneProducer: Scenario = async (writing, topic) => {
  const producer = await TestProducer.open(writing, uniqueName('twice'))
  const say = async (value: string, end: 'commit' | 'abort'): Promise<void> => {
    await producer.send(topic, [value])
    await producer[end]()
  }
  await say('aborted once', 'abort')
  await say('committed once', 'commit')
  await say('aborted twice', 'abort')
  await say('committed twice', 'commit')
  return ['committed once', 'committed twice']
}

/**
 * Bytes of each record of {@link writeLongAbort}: a fetch of twice as many takes several fetches.
 */
export const LONG_ABORT_RECORD_BYTES = 20_000

/** An aborted transaction of many times one fetch: its marker comes much later than its data. */
export const writeLongAbort: Scenario = async (writing, topic) => {
  const producer = await TestProducer.open(writing, uniqueName('long'))
  for (let each = 0; each < 8; each += 1) {
    await producer.send(topic, [`aborted ${each} ${'x'.repeat(LONG_ABORT_RECORD_BYTES)}`])
  }
  await producer.abort()
  await producer.send(topic, ['committed'])
  await producer.commit()
  return ['committed']
}

/** Records of a producer without transactions lie among aborted ones. */
export const writePlainAmongAborted: Scenario = async (writing, topic) => {
  const producer = await TestProducer.open(writing, uniqueName('among'))
  await writePlain(writing, topic, ['plain before'])
  await producer.send(topic, ['aborted'])
  await writePlain(writing, topic, ['plain between'])
  await producer.send(topic, ['aborted again'])
  await producer.abort()
  await writePlain(writing, topic, ['plain after'])
  return ['plain before', 'plain between', 'plain after']
}

/** The log ends with markers: the last record is never at the end offset less one. */
export const writeMarkersLast: Scenario = async (writing, topic) => {
  const producer = await TestProducer.open(writing, uniqueName('markers'))
  await producer.send(topic, ['committed'])
  await producer.commit()
  await producer.send(topic, ['aborted'])
  await producer.abort()
  return ['committed']
}

export const committedReads: Readonly<Record<string, Scenario>> = {
  'an int32 key 0 inside an aborted transaction': writeAbortedZeroKey,
  'aborts of two producers that interleave': writeInterleavedAborts,
  'two aborted transactions of one producer in one fetch': writeTwoAbortsOfOneProducer,
  'an abort marker in a later fetch than the data': writeLongAbort,
  'plain records among aborted ones': writePlainAmongAborted,
  'markers at the end of the log': writeMarkersLast,
}

/** Settings of a topic whose log the cleaner empties batch by batch. */
export const compactedConfigs: Readonly<Record<string, string>> = {
  'cleanup.policy': 'compact',
  'segment.bytes': '1048576',
  'min.cleanable.dirty.ratio': '0.01',
}

/**
 * After the cleaner has run a batch is left that has no records any more: the one that holds the
 * last sequence of an idempotent producer. Resolves to the keys that remain. For a topic with
 * {@link compactedConfigs}.
 */
export const writeSupersededBatches: Scenario = async ({ port, clock }, topic) => {
  const filler = 'x'.repeat(100_000)
  const put = (key: string, how = {}): Promise<number> =>
    writePlain({ port, clock }, topic, [{ key: bytes(key), value: bytes(filler) }], how)
  const keys = ['k0', 'k1', 'k2', 'k3', 'k4']
  for (let each = 0; each < 9; each += 1) await put(keys[each % keys.length]!)
  // The last batch of its segment, and the last one of its producer.
  const producer = await retried(clock, () => port.initProducerId(null, 60_000))
  await put('k0', { producer, baseSequence: 0 })
  for (let each = 0; each < 30; each += 1) await put(keys[each % keys.length]!)
  return keys
}
