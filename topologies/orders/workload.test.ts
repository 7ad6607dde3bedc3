import { describe, expect, test } from 'vitest'
import { TopologyTestDriver } from 'millrace/testing'
import orders, { commands, events, failed, payments, refused } from '../orders.ts'
import { orderWorkload, type GeneratedRecord } from './workload.ts'

const RECORDS = 5_000

function workload(seed: number, records = RECORDS): readonly GeneratedRecord[] {
  const generated = orderWorkload(seed)
  return Array.from({ length: records }, () => generated.next().value)
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

describe('the generated input of the orders topology', () => {
  test('is the same for the same seed, and another for another', () => {
    expect(workload(7)).toEqual(workload(7))
    expect(workload(8, 50)).not.toEqual(workload(7, 50))
  })

  test('keeps the orders of two seeds apart', () => {
    const keys = new Set(workload(7, 500).map(({ key }) => key))
    expect(workload(8, 500).filter(({ key }) => keys.has(key))).toEqual([])
  })

  test('has what goes wrong in real life: broken JSON, unknown orders, commands sent twice', () => {
    const records = workload(1)
    const broken = records.filter(({ value }) => !isJson(value))
    const written = new Set<string>()
    const repeated = records.filter(({ key, value }) => {
      const isRepeat = written.has(`${key} ${value}`)
      written.add(`${key} ${value}`)
      return isRepeat && isJson(value)
    })
    const placed = new Set(
      records.filter(({ value }) => value.includes('"PlaceOrder"')).map(({ key }) => key),
    )
    const unknown = records.filter(({ key }) => !placed.has(key))
    for (const some of [broken, repeated, unknown]) {
      expect(some.length).toBeGreaterThan(RECORDS / 500)
      expect(some.length).toBeLessThan(RECORDS / 10)
    }
  })

  test('leads to every kind of event, to refusals and to dead letters', async () => {
    await using driver = new TopologyTestDriver(orders)
    for (const { topic, key, value } of workload(1)) {
      const input = topic === 'payments' ? driver.input(payments) : driver.input(commands)
      await input.sendBytes(Buffer.from(key), Buffer.from(value))
    }
    const happened = driver.output(events).values()
    const refusals = driver.output(refused).values()
    const deadLetters = driver.output(failed).values()
    expect(happened.length + refusals.length + deadLetters.length).toBe(RECORDS)
    expect([...new Set(happened.map(({ type }) => type))].sort()).toEqual([
      'OrderCancelled',
      'OrderPaid',
      'OrderPlaced',
      'OrderShipped',
      'PaymentFailed',
    ])
    expect([...new Set(refusals.map(({ reason }) => reason))].sort()).toEqual([
      'repeated command',
      'unknown order',
      'wrong amount',
    ])
    expect(deadLetters.length).toBeGreaterThan(10)
  })
})
