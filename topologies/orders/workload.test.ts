import { describe, expect, test } from 'vitest'
import { TopologyTestDriver } from 'millrace/testing'
import type { GeneratedRecord } from '../demo/generated-record.ts'
import orders, {
  alerts,
  commands,
  events,
  paid,
  payments,
  recovered,
  refused,
  unmatched,
} from '../orders.ts'
import { orderWorkload } from './workload.ts'

const RECORDS = 5_000
const START_MS = 1_700_000_000_000

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

  test('has what goes wrong in real life: broken JSON, unknown orders, what is sent twice', () => {
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

  test('names each payment by the number of its record', () => {
    workload(1).forEach(({ topic, value }, index, all) => {
      if (topic !== 'payments' || !isJson(value)) return
      const { paymentId } = JSON.parse(value) as { readonly paymentId: string }
      const isRepeat = all.slice(0, index).some((each) => each.value === value)
      if (!isRepeat) expect(paymentId).toBe(`payment-1-${index + 1}`)
    })
  })

  test('leads to everything that the topology can say', async () => {
    await using driver = new TopologyTestDriver(orders, { startMs: START_MS })
    for (const [index, { topic, key, value, ageMs = 0 }] of workload(1).entries()) {
      // A payment that failed is charged again meanwhile.
      if (index % 100 === 0) await driver.advanceTime('100ms')
      const input = topic === 'payments' ? driver.input(payments) : driver.input(commands)
      const timestampMs = START_MS + index - ageMs
      await input.sendBytes(Buffer.from(key), Buffer.from(value), { timestampMs })
    }
    const happened = driver.output(events).values()
    const refusals = driver.output(refused).values()
    const deadLetters = driver.deadLetters()
    const again = driver.output(recovered).values()
    const givenUp = deadLetters.filter(({ node }) => node === 'charge-again')
    const unreadable = deadLetters.length - givenUp.length
    // Each record is decided, or cannot be read; a payment that recovered is decided once more.
    const decided = happened.length + refusals.length
    expect(decided + unreadable).toBe(RECORDS + again.length)
    expect(new Set(happened.map(({ type }) => type))).toEqual(
      new Set(['OrderCancelled', 'OrderPaid', 'OrderPlaced', 'OrderShipped', 'PaymentFailed']),
    )
    const reasons = new Set<string>(refusals.map(({ reason }) => reason))
    for (const reason of ['repeated command', 'unknown order', 'wrong amount']) {
      expect(reasons).toContain(reason)
    }
    expect(new Set(givenUp.map(({ attempts }) => attempts))).toEqual(new Set([1, 3]))
    expect(
      new Set(
        driver
          .output(unmatched)
          .values()
          .map(({ why }) => why),
      ),
    ).toEqual(new Set(['no order within five minutes', 'wrong amount', 'repeated']))
    const failures = happened.filter(({ type }) => type === 'PaymentFailed').length
    expect(driver.output(alerts).values()).toHaveLength(failures)
    for (const some of [again, givenUp, driver.output(paid).values()]) {
      expect(some.length).toBeGreaterThan(20)
    }
    expect(unreadable).toBeGreaterThan(20)
  })
})
