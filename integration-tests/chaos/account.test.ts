import { describe, expect, test } from 'vitest'
import { OrdersAudit } from '../../topologies/demo/orders/orders-audit.ts'
import type { Order } from '../../topologies/orders/model.ts'
import type { OrdersOutcome } from '../support/orders-account.ts'
import { accountLines, chaosAccount, isExact, type ChaosAccount } from './account.ts'

const order: Order = { status: 'placed', total: 650, commandIds: ['a'] }
const expected: OrdersOutcome = {
  events: [['placed 1', 'paid 1'], ['placed 2']],
  refused: [['again'], []],
  alerts: [[], []],
  deadLetters: ['{'],
  orders: new Map([['order-1', order]]),
}

function accountOf(
  actual: Partial<OrdersOutcome>,
  local: ReadonlyMap<string, Order> = expected.orders,
): ChaosAccount {
  const reported = new OrdersAudit('none').close()
  const found = { inputs: 5, expected, local, reported, failures: [] }
  return chaosAccount({ ...found, actual: { ...expected, ...actual } })
}

describe('the account of chaos', () => {
  test('is exact when all that came out is that of the plain fold', () => {
    const account = accountOf({})
    expect(account).toEqual({
      ...{ inputs: 5, outputs: 4, deadLetters: 1 },
      ...{ duplicates: 0, lost: 0, differing: 0, findings: [] },
    })
    expect(isExact(account)).toBe(true)
    expect(accountLines(account).at(-1)).toBe('EXACT: everything happened once.')
  })

  test.each([
    ['an event is missing', { events: [['placed 1', 'paid 1'], []] }, { lost: 1 }],
    ['a dead letter is there twice', { deadLetters: ['{', '{'] }, { duplicates: 1 }],
    ['two events are in another order', { events: [['paid 1', 'placed 1'], ['placed 2']] }, 2],
    ['an event is another one', { events: [['placed 1', 'x'], ['placed 2']] }, { lost: 1 }],
    ['a state is another one', { orders: new Map([['order-1', { ...order, total: 1 }]]) }, 1],
  ])('is not, when %s', (_, actual, faults) => {
    const account = accountOf(actual)
    expect(account).toMatchObject(typeof faults === 'number' ? { differing: faults } : faults)
    expect(account.findings).not.toEqual([])
    expect(isExact(account)).toBe(false)
    expect(accountLines(account).at(-1)).toBe('NOT EXACT.')
  })

  test('is not, when a local store has another row', () => {
    const account = accountOf({}, new Map([['order-1', { ...order, status: 'paid' as const }]]))
    expect(account).toMatchObject({ differing: 1, findings: ['1 rows of local stores differ'] })
  })

  test('is not, when a process ended by itself', () => {
    const reported = new OrdersAudit('none').close()
    const found = { inputs: 5, expected, local: expected.orders, reported, actual: expected }
    const account = chaosAccount({ ...found, failures: ['process 1 ended by itself'] })
    expect(isExact(account)).toBe(false)
  })
})
