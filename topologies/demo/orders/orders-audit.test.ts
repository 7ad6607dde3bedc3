import { describe, expect, test } from 'vitest'
import { deadLetterHeader } from '../../../src/core/dead-letter.ts'
import type { Header } from '../../../src/core/record.ts'
import type { Account } from '../case-study.ts'
import { inputId, inputIdHeader } from '../input-id.ts'
import { OrdersAudit } from './orders-audit.ts'

const MINUTE_MS = 60_000

interface Written {
  readonly topic: string
  /** The number of the input record that it comes from. */
  readonly id?: number | string
  readonly value?: object | string
  readonly atMs?: number
  readonly headers?: readonly Header[]
}

const paymentOf = (number: number, status = 'succeeded') => ({
  paymentId: `payment-now-${number}`,
  amount: 1,
  status,
  card: '4000-0000',
})
const command = (id: number | string): Written => ({ topic: 'orders.commands', id })
const event = (id: number | string, type: string, atMs = 0): Written => ({
  topic: 'orders.events',
  id,
  value: { type },
  atMs,
})
const refusal = (id: number): Written => ({ topic: 'orders.refused', id })
const unreadable = (id: number): Written => ({ topic: 'orders.dead-letters', id })
const givenUp = (id: number): Written => ({
  topic: 'orders.dead-letters',
  id,
  headers: [[deadLetterHeader.node, Buffer.from('charge-again')]],
})
const payment = (id: number): Written => ({ topic: 'payments', id, value: paymentOf(id) })
const failedPayment = (id: number): Written => ({
  topic: 'payments',
  id,
  value: paymentOf(id, 'failed'),
})
const recovery = (id: number): Written => ({
  topic: 'payments.recovered',
  id,
  value: paymentOf(id),
})
const paid = (id: number): Written => ({ topic: 'orders.paid', value: paymentOf(id) })
const unmatched = (id: number): Written => ({
  topic: 'payments.unmatched',
  value: { payment: paymentOf(id), why: 'repeated' },
})
const alert = (id: number): Written => ({ topic: 'orders.alerts', id, value: {} })

function accountOf(...written: readonly Written[]): Account {
  const audit = new OrdersAudit('now')
  for (const name of audit.topics) {
    const records = written.filter(({ topic }) => topic === name)
    for (const [offset, { topic, id, value = {}, atMs = 0, headers = [] }] of records.entries()) {
      const text = typeof id === 'string' ? id : inputId('now', id ?? 0)
      const own: readonly Header[] = id === undefined ? [] : [[inputIdHeader, Buffer.from(text)]]
      audit.read(name, {
        ...{ topic, partition: 0, offset, timestampMs: atMs },
        key: Buffer.from('order-1'),
        value: Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)),
        headers: [...own, ...headers],
      })
    }
  }
  return audit.close()
}

/** An order that is placed and paid, and a command that is refused, and one that is no JSON. */
const inputs = [command(1), payment(2), command(3), command(4)]
const outputs = [
  ...[event(1, 'OrderPlaced'), event(2, 'OrderPaid'), paid(2)],
  ...[refusal(3), unreadable(4)],
]

describe('the account of orders', () => {
  test('is balanced when each record came out once, and each payment was paired once', () => {
    const { numbers, balanced, verdict } = accountOf(...inputs, ...outputs)
    expect(balanced).toBe(true)
    expect(verdict).toBe('Every input record came out exactly once.')
    expect(numbers).toEqual({
      ...{ input: 4, events: 2, rejected: 1, deadLetters: 1 },
      ...{ paid: 1, unmatched: 0, recovered: 0, givenUp: 0, alerts: 0 },
    })
  })

  test.each([
    ['an event is missing', outputs.slice(1)],
    ['a refusal is missing', [...outputs.slice(0, 3), unreadable(4)]],
    ['a dead letter is missing', outputs.slice(0, 4)],
    ['a payment is neither paired nor told to be unmatched', [...outputs].toSpliced(2, 1)],
  ])('is not, when %s', (_, written) => {
    const { balanced, verdict } = accountOf(...inputs, ...written)
    expect(balanced).toBe(false)
    expect(verdict).toBe('NOT BALANCED: 1 missing, 0 more than once, 0 that nobody wrote.')
  })

  test.each([
    ['an event is there twice', event(1, 'OrderPlaced')],
    ['a command led to an event and a refusal', refusal(1)],
    ['a command was refused and is a dead letter', unreadable(3)],
    ['a payment was paired twice', paid(2)],
    ['a payment was paired, and told to be unmatched', unmatched(2)],
    ['an alert has no cause', alert(2)],
    ['a payment that succeeded was charged again', recovery(2)],
  ])('is not, when %s', (_, written) => {
    const { balanced, verdict } = accountOf(...inputs, ...outputs, written)
    expect(balanced).toBe(false)
    expect(verdict).toBe('NOT BALANCED: 0 missing, 1 more than once, 0 that nobody wrote.')
  })

  test('is not deceived by one missing and one doubled, though the sums are equal', () => {
    const { verdict } = accountOf(...inputs, ...outputs.slice(1), refusal(3))
    expect(verdict).toBe('NOT BALANCED: 1 missing, 1 more than once, 0 that nobody wrote.')
  })

  test('notices a record that nobody wrote', () => {
    const { verdict, numbers } = accountOf(...inputs, ...outputs, event(200_000, 'OrderPlaced'))
    expect(verdict).toBe('NOT BALANCED: 0 missing, 0 more than once, 1 that nobody wrote.')
    expect(numbers['input']).toBe(4)
  })

  test('leaves the records of other runs out', () => {
    const before = [command('before/1'), event('before/1', 'OrderPlaced'), command('before/2')]
    const others = { topic: 'orders.paid', value: { paymentId: 'payment-before-2' } }
    expect(accountOf(...inputs, ...outputs, ...before, others).numbers['input']).toBe(4)
    expect(accountOf(...inputs, ...outputs, ...before, others).balanced).toBe(true)
  })

  test('of nothing is balanced', () => {
    expect(accountOf()).toMatchObject({ balanced: true, numbers: { input: 0, events: 0 } })
  })
})

describe('in the account of orders, a payment that failed', () => {
  const ordered = [command(1), event(1, 'OrderPlaced', 0), failedPayment(2)]
  const failure = [event(2, 'PaymentFailed', MINUTE_MS), alert(2)]
  const again = [recovery(2), event(2, 'OrderPaid'), paid(2)]

  test('ends in an event when it was charged again', () => {
    const { balanced, numbers } = accountOf(...ordered, ...failure, ...again)
    expect(balanced).toBe(true)
    expect(numbers).toMatchObject({ events: 2, recovered: 1, paid: 1, alerts: 1, deadLetters: 0 })
  })

  test('ends as a dead letter when it was given up', () => {
    const { balanced, numbers } = accountOf(...ordered, ...failure, givenUp(2))
    expect(balanced).toBe(true)
    expect(numbers).toMatchObject({
      events: 1,
      deadLetters: 1,
      givenUp: 1,
      recovered: 0,
      alerts: 1,
    })
  })

  test('is refused when the order has no use for it', () => {
    const { balanced, numbers } = accountOf(...ordered, refusal(2))
    expect(balanced).toBe(true)
    expect(numbers).toMatchObject({ rejected: 1, alerts: 0 })
  })

  test.each([
    ['is neither recovered nor given up', failure],
    ['is recovered, and not recorded', [...failure, recovery(2), paid(2)]],
    ['is recovered, and not paired', [...failure, recovery(2), event(2, 'OrderPaid')]],
    ['has no alert', [event(2, 'PaymentFailed', MINUTE_MS), ...again]],
  ])('is missing when it %s', (_, written) => {
    const { verdict } = accountOf(...ordered, ...written)
    expect(verdict).toBe('NOT BALANCED: 1 missing, 0 more than once, 0 that nobody wrote.')
  })

  test.each([
    ['is recovered and given up', [...failure, ...again, givenUp(2)]],
    ['is recovered twice', [...failure, ...again, ...again]],
    ['has two alerts', [...failure, ...again, alert(2)]],
    ['has an alert too late', [event(2, 'PaymentFailed', 5 * MINUTE_MS), alert(2), givenUp(2)]],
  ])('is counted more than once when it %s', (_, written) => {
    const { verdict } = accountOf(...ordered, ...written)
    expect(verdict).toBe('NOT BALANCED: 0 missing, 1 more than once, 0 that nobody wrote.')
  })

  test('has no alert of its own when it is the second one of its order', () => {
    const second = [failedPayment(3), event(3, 'PaymentFailed', 2 * MINUTE_MS), givenUp(3)]
    const { balanced } = accountOf(...ordered, ...failure, ...again, ...second)
    expect(balanced).toBe(true)
  })
})
