import { expect, test } from 'vitest'
import { bytes, endOffset, readAll, text, type ReadPartition } from '../port.contract.kit.ts'
import { TestProducer, writePlain } from '../port.contract.producers.ts'
import { openSimulated } from './simulation.fixture.ts'

async function openChangelog() {
  const at = await openSimulated()
  await at.createTopic('changelog', 1, { 'cleanup.policy': 'compact' })
  const port = await at.port('client')
  const put = (...entries: readonly (readonly [key: string, value: string | null])[]) =>
    entries.map(([key, value]) => ({
      key: bytes(key),
      value: value === null ? null : bytes(value),
    }))
  const read = () => readAll(port, 'changelog')
  return { ...at, port, put, read }
}

const shown = ({ records }: ReadPartition) =>
  records.map(({ offset, key, value }) => [offset, text(key), text(value)])

test('each key keeps its last value, at its offset', async () => {
  await using at = await openChangelog()
  await writePlain(at, 'changelog', at.put(['a', '1'], ['b', '1'], ['a', '2']))
  await writePlain(at, 'changelog', at.put(['b', '2'], ['c', '1']), { compression: 'gzip' })
  await writePlain(at, 'changelog', at.put(['a', '3']))
  at.cluster.compact('changelog')
  expect(shown(await at.read())).toEqual([
    [3, 'b', '2'],
    [4, 'c', '1'],
    [5, 'a', '3'],
  ])
})

test('what is younger than the lag of the topic stays', async () => {
  await using at = await openSimulated()
  const lag = { 'cleanup.policy': 'compact', 'min.compaction.lag.ms': String(60 * 60_000) }
  await at.createTopic('changelog', 1, lag)
  const port = await at.port('client')
  for (const [index, minutesAgo] of [180, 120, 30, 120].entries()) {
    const timestampMs = at.clock.nowMs() - minutesAgo * 60_000
    const record = { key: bytes('a'), value: bytes(String(index)), timestampMs }
    await writePlain({ ...at, port }, 'changelog', [record])
  }
  at.cluster.compact('changelog')
  expect(shown(await readAll(port, 'changelog'))).toEqual([
    [1, 'a', '1'],
    [2, 'a', '2'],
    [3, 'a', '3'],
  ])
})

test('tombstones stay for late readers, and go when their time is over', async () => {
  await using at = await openChangelog()
  await writePlain(at, 'changelog', at.put(['a', '1'], ['a', null], ['b', '1']))
  at.cluster.compact('changelog')
  expect(shown(await at.read())).toEqual([
    [1, 'a', null],
    [2, 'b', '1'],
  ])
  at.cluster.compact('changelog', { tombstones: 'removed' })
  expect(shown(await at.read())).toEqual([[2, 'b', '1']])
})

test('an aborted value never takes the place of a committed one', async () => {
  await using at = await openChangelog()
  const producer = await TestProducer.open(at, 'app')
  await producer.send('changelog', at.put(['a', 'committed']))
  await producer.commit()
  await producer.send('changelog', at.put(['a', 'aborted'], ['b', 'aborted']))
  await producer.abort()
  at.cluster.compact('changelog')
  expect(shown(await at.read())).toEqual([[0, 'a', 'committed']])
  at.cluster.compact('changelog', { tombstones: 'removed' })
  await producer.send('changelog', at.put(['c', 'behind the marker that is gone']))
  await producer.commit()
  expect(shown(await at.read())).toEqual([
    [0, 'a', 'committed'],
    [5, 'c', 'behind the marker that is gone'],
  ])
})

test('nothing behind an open transaction is touched', async () => {
  await using at = await openChangelog()
  await writePlain(at, 'changelog', at.put(['a', '1']))
  await writePlain(at, 'changelog', at.put(['a', '2']))
  const producer = await TestProducer.open(at, 'app')
  await producer.send('changelog', at.put(['a', 'open']))
  await writePlain(at, 'changelog', at.put(['a', '3']))
  at.cluster.compact('changelog')
  expect(shown(await at.read())).toEqual([[1, 'a', '2']])
  await producer.commit()
  expect(shown(await at.read())).toEqual([
    [1, 'a', '2'],
    [2, 'a', 'open'],
    [3, 'a', '3'],
  ])
})

test('the last batch of an idempotent producer stays as a bare header', async () => {
  await using at = await openChangelog()
  const producer = await at.port.initProducerId(null, 60_000)
  await writePlain(at, 'changelog', at.put(['a', '1']), { producer, baseSequence: 0 })
  await writePlain(at, 'changelog', at.put(['a', '2']), { producer, baseSequence: 1 })
  await writePlain(at, 'changelog', at.put(['a', '3']))
  at.cluster.compact('changelog')

  const { batches } = await at.read()
  expect(batches.map(({ baseOffset, records }) => [baseOffset, records.length])).toEqual([
    [1, 0],
    [2, 1],
  ])
  await writePlain(at, 'changelog', at.put(['a', '4']), { producer, baseSequence: 2 })
})

test('the end of the log stays where it was although nothing is left there', async () => {
  await using at = await openChangelog()
  await writePlain(at, 'changelog', at.put(['a', '1']))
  await writePlain(at, 'changelog', at.put(['a', null]))
  at.cluster.compact('changelog', { tombstones: 'removed' })
  expect(at.cluster.records('changelog', 0, 'read_committed')).toEqual([])
  expect(await endOffset(at.port, 'changelog')).toBe(2)
})
