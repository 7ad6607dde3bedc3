import { describe, expect, test } from 'vitest'
import { inputId, inputIdHeader } from '../input-id.ts'
import type { Account } from '../case-study.ts'
import type { Reason } from '../../risk/model.ts'
import { RiskAudit } from './risk-audit.ts'

const START_MS = 1_700_000_000_000

interface Written {
  readonly topic: string
  /** The number of the input record that it comes from. */
  readonly id: number
  readonly value: object
  readonly run?: string
}

const paid = (id: number, amount: number, run = 'now') => ({
  ...{ transactionId: `tx-${run}-${id}`, amount, merchant: 'bakery' },
})
const input = (id: number, run = 'now'): Written => ({
  ...{ topic: 'transactions', id, value: paid(id, 100, run), run },
})
const assessed = (id: number, amount = 2_000, usual: number | null = null): Written => ({
  topic: 'transactions.assessed',
  id,
  value: { ...paid(id, amount), atMs: START_MS + id, usual, merchantScore: 0.1, reasons: [] },
})
const tooFast = (id: number): Written => ({
  ...{ topic: 'transactions.too-fast', id, value: paid(id, 2_000) },
})
const deadLetter = (id: number): Written => ({ topic: 'risk.dead-letters', id, value: {} })
const alert = (id: number, ...reasons: readonly Reason[]): Written => ({
  topic: 'risk.alerts',
  id,
  value: { transactionId: `tx-now-${id}`, reasons },
})

function accountOf(...written: readonly Written[]): Account {
  const audit = new RiskAudit('now')
  for (const name of audit.topics) {
    const records = written.filter(({ topic }) => topic === name)
    for (const [offset, { topic, id, value, run = 'now' }] of records.entries()) {
      audit.read(name, {
        ...{ topic, partition: 0, offset, timestampMs: START_MS + id },
        key: Buffer.from('ada'),
        value: Buffer.from(JSON.stringify(value)),
        headers: [[inputIdHeader, Buffer.from(inputId(run, id))]],
      })
    }
  }
  return audit.close()
}

const inputs = [1, 2, 3].map((id) => input(id))
const outputs = [assessed(1), tooFast(2), deadLetter(3)]

describe('the account of transactions', () => {
  test('is balanced when each is assessed, or too fast, or a dead letter', () => {
    const { balanced, numbers } = accountOf(...inputs, ...outputs)
    expect(balanced).toBe(true)
    expect(numbers).toEqual({ input: 3, assessed: 1, tooFast: 1, deadLetters: 1, alerts: 0 })
  })

  test.each([0, 1, 2])('is not, when one is missing: %i', (nth) => {
    const { balanced, verdict } = accountOf(...inputs, ...outputs.toSpliced(nth, 1))
    expect(balanced).toBe(false)
    expect(verdict).toBe('NOT BALANCED: 1 missing, 0 more than once, 0 that nobody wrote.')
  })

  test.each([tooFast(1), deadLetter(2), tooFast(2)])(
    'is not, when one is in two places',
    (more) => {
      const { verdict } = accountOf(...inputs, ...outputs, more)
      expect(verdict).toBe('NOT BALANCED: 0 missing, 1 more than once, 0 that nobody wrote.')
    },
  )

  test('notices what nobody wrote, and leaves other runs out', () => {
    const { verdict, numbers } = accountOf(...inputs, input(1, 'before'), ...outputs, tooFast(9))
    expect(verdict).toBe('NOT BALANCED: 0 missing, 0 more than once, 1 that nobody wrote.')
    expect(numbers['input']).toBe(3)
  })
})

describe('in the account of transactions, what is said', () => {
  const tries = [1, 2, 3, 4].map((id) => input(id))
  const stolen = [assessed(1, 100), assessed(2, 100), assessed(3, 100), assessed(4, 60_000)]
  const reason: Reason = { rule: 'card tried out', value: 3, limit: 2 }

  test('is what the rules come to', () => {
    expect(accountOf(...tries, ...stolen, alert(4, reason)).balanced).toBe(true)
  })

  test.each([
    ['an alert is missing', [], '1 missing, 0 more than once'],
    ['an alert is there twice', [alert(4, reason), alert(4, reason)], '0 missing, 1 more'],
    ['an alert is of another one', [alert(3, reason)], '1 missing, 1 more than once'],
    ['an alert says something else', [alert(4, { ...reason, value: 4 })], '1 say something wrong'],
  ])('is noticed where %s', (_, alerts, words) => {
    const { balanced, verdict } = accountOf(...tries, ...stolen, ...alerts)
    expect(balanced).toBe(false)
    expect(verdict).toContain(words)
  })

  test('is noticed where an average is wrong', () => {
    const { verdict } = accountOf(input(1), assessed(1, 2_000, 1_999))
    expect(verdict).toContain('1 say something wrong')
  })
})
