import { describe, expect, test } from 'vitest'
import { TopologyTestDriver } from 'millrace/testing'
import type { GeneratedRecord } from '../demo/generated-record.ts'
import risk, { alerts, assessed, tooFast, transactions } from '../risk.ts'
import type { Alert, Transaction } from './model.ts'
import { PlainRisk } from './plainly.ts'
import { START_MS } from './user-story.fixtures.ts'
import { riskWorkload } from './workload.ts'

const RECORDS = 1_000

function workload(seed: number, records = RECORDS): readonly GeneratedRecord[] {
  const generated = riskWorkload(seed)
  return Array.from({ length: records }, () => generated.next().value)
}

describe('the generated input of the risk topology', () => {
  test('is the same for the same seed, and another for another', () => {
    expect(workload(7)).toEqual(workload(7))
    expect(workload(8, 50)).not.toEqual(workload(7, 50))
  })

  // Two a millisecond, and three a minute: a robot is too fast, and hours pass.
  test.each([
    ['half a millisecond', 0.5],
    ['twenty seconds', 20_000],
  ])('comes to what it comes to in plain memory, with a record each %s', async (_, stepMs) => {
    await using driver = new TopologyTestDriver(risk, { startMs: START_MS, partitions: 3 })
    const records = workload(11)
    const timeOf = (index: number): number => START_MS + Math.floor(index * stepMs)
    for (const [index, { key, value }] of records.entries()) {
      const bytes = [Buffer.from(key), Buffer.from(value)] as const
      await driver.input(transactions).sendBytes(...bytes, { timestampMs: timeOf(index) })
    }
    await driver.advanceTime('1s')
    const set = new Set(
      driver
        .output(tooFast)
        .values()
        .map(({ transactionId }) => transactionId),
    )
    const letters = driver.deadLetters().map(({ value }) => Buffer.from(value ?? []).toString())
    const dead = new Set(letters)
    const plain = new PlainRisk()
    const expected = records.flatMap(({ key, value }, index) => {
      if (dead.has(value)) return []
      const transaction = JSON.parse(value) as Transaction
      return set.has(transaction.transactionId)
        ? []
        : [plain.accept(key, transaction, timeOf(index))]
    })
    const byId = <T extends { readonly transactionId: string }>(
      values: readonly T[],
    ): readonly T[] => values.toSorted((a, b) => (a.transactionId < b.transactionId ? -1 : 1))
    expect(byId(driver.output(assessed).values())).toEqual(
      byId(expected.map((each) => each.assessed)),
    )
    const inWords = (told: readonly Alert[]): readonly string[] =>
      told.map((alert) => JSON.stringify(alert)).toSorted()
    const told = driver.output(alerts).values()
    expect(inWords(told)).toEqual(inWords(expected.flatMap((each) => each.alerts)))
    expect(expected.length + set.size + letters.length).toBe(RECORDS)
    const rules = new Set(told.flatMap(({ reasons }) => reasons.map(({ rule }) => rule)))
    expect(rules.size).toBeGreaterThanOrEqual(3)
    if (stepMs < 1) expect(set.size).toBeGreaterThan(20)
    expect(dead.size).toBeGreaterThan(3)
  })
})
