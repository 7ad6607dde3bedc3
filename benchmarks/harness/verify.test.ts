import { expect, test } from 'vitest'
import { noHeaders, type RawRecord } from '../../src/core/record.ts'
import { centsOf, orderJson, orderKey } from './orders.ts'
import { orderTimeMs, paymentJson, paymentTimeMs } from './payments.ts'
import { verifierOf } from './verify.ts'
import type { Workload } from './workloads.ts'

const START_MS = 1_700_000_000_000

const output = (key: string, value: string): RawRecord => ({
  topic: 'out',
  partition: 0,
  offset: 0,
  timestampMs: START_MS,
  key: Buffer.from(key),
  value: Buffer.from(value),
  headers: noHeaders,
})

const passedOn = (index: number): RawRecord => {
  const order = JSON.parse(orderJson(index, START_MS + index)) as object
  return output(orderKey(index), JSON.stringify({ ...order, processed: true }))
}

const problems = (
  workload: Workload,
  outputs: readonly RawRecord[],
  records = 3,
): readonly string[] => {
  const verifier = verifierOf(workload, records, START_MS)
  for (const each of outputs) verifier.check(each)
  return verifier.problems()
}

test('orders passed on are checked each, and for their order', () => {
  const [first, second, third] = [passedOn(0), passedOn(1), passedOn(2)]
  expect(problems('W0', [first, second, third])).toEqual([])
  expect(problems('W0', [first, second])).toEqual(['2 outputs of 3 orders'])
  expect(problems('W0', [first, third, second])).toEqual(['order 1 after 2 in partition 0'])
  expect(problems('W0', [first, second, second, third])).toEqual([
    'order 1 after 1 in partition 0',
    '4 outputs of 3 orders',
  ])
  const unchanged = output(orderKey(2), orderJson(2, START_MS + 2))
  expect(problems('W0', [first, second, unchanged])).toEqual([
    `wrong: ${orderJson(2, START_MS + 2)}`,
  ])
})

test('counts are checked one by one, and for where they end', () => {
  const counts = [0, 1, 2].map((index) => output(orderKey(index), '1'))
  expect(problems('W1', counts)).toEqual([])
  expect(problems('W1', counts.slice(1))).toEqual([
    `${orderKey(0)} ended as undefined, not 1`,
    '2 outputs of 3 orders',
  ])
  expect(problems('W1', [...counts, output(orderKey(0), '3')])).toEqual([
    `${orderKey(0)} is 3, not 2`,
    `${orderKey(0)} ended as 2, not 1`,
    '4 outputs of 3 orders',
  ])
})

test('joined orders are checked each, and for those that are missing or there twice', () => {
  const joined = (index: number): RawRecord => {
    const order = JSON.parse(orderJson(index, orderTimeMs(index, START_MS))) as object
    const payment = JSON.parse(paymentJson(index, paymentTimeMs(index, START_MS))) as object
    return output(`o-${index}`, JSON.stringify({ ...order, ...payment }))
  }
  const all = [0, 1, 2, 3].map(joined)
  expect(problems('W4', all, 10)).toEqual([])
  expect(problems('W4', [...all, joined(2)], 10)).toEqual(['order 2 twice'])
  expect(problems('W4', all.slice(1), 10)).toEqual([
    'order 0 is not joined',
    '3 outputs of 4 orders',
  ])
  expect(problems('W4', [...all, joined(4)], 10)).toEqual([
    'order 4 is not joined',
    '5 outputs of 4 orders',
  ])
})

test('windows are checked output by output, and for their sums', () => {
  const windowStart = START_MS - (START_MS % 300_000)
  const sumOf = (index: number, change: object = {}): RawRecord => {
    const total = { windowStart, count: 1, sum: centsOf(index) / 100, ...change }
    return output(orderKey(index, 10_000), JSON.stringify(total))
  }
  expect(problems('W3', [sumOf(0), sumOf(1), sumOf(2)])).toEqual([])
  expect(problems('W3', [sumOf(0), sumOf(1)])).toEqual([
    expect.stringMatching(/^c-\d+ from \d+ ended as undefined, not as /),
    '2 windows of 3',
    '2 outputs of 3 orders',
  ])
  expect(problems('W3', [sumOf(0), sumOf(1), sumOf(2, { count: 2 })])).toEqual([
    expect.stringContaining('"count":2'),
  ])
  expect(problems('W3', [sumOf(0), sumOf(1), sumOf(2, { sum: 1 })])).toEqual([
    expect.stringContaining('"sum":1}, not as'),
  ])
})
