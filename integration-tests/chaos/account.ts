import { isDeepStrictEqual } from 'node:util'
import type { Order } from '../../topologies/orders/model.ts'
import type { OrdersAccount } from '../../topologies/demo/orders/orders-audit.ts'
import { firstDifference, type OrdersOutcome } from '../support/orders-account.ts'

/** Of a run: what went in, what came out, and what is wrong with it. */
export interface ChaosAccount {
  readonly inputs: number
  readonly outputs: number
  readonly deadLetters: number
  /** Records that came out more than once. */
  readonly duplicates: number
  /** Records that did not come out. */
  readonly lost: number
  /** Records and rows that are others than those of the plain fold, or in another order. */
  readonly differing: number
  /** Every way in which it is not exact, in words. */
  readonly findings: readonly string[]
}

export interface Found {
  readonly inputs: number
  readonly actual: OrdersOutcome
  readonly expected: OrdersOutcome
  /** What the local stores hold of the same orders. */
  readonly local: ReadonlyMap<string, Order>
  /** Of those orders whose payments come in a topic of their own. */
  readonly reported: OrdersAccount
  /** What else went wrong. */
  readonly failures: readonly string[]
}

interface Faults {
  duplicates: number
  lost: number
  differing: number
}

export function chaosAccount(found: Found): ChaosAccount {
  const { inputs, actual, expected, local, reported, failures } = found
  const faults: Faults = { duplicates: 0, lost: 0, differing: 0 }
  for (const what of ['events', 'refused', 'alerts'] as const) {
    for (const [partition, list] of expected[what].entries()) {
      compareLists(actual[what][partition] ?? [], list, faults)
    }
  }
  compareLists(actual.deadLetters, expected.deadLetters, faults)
  const differingRows = [differingOf(actual.orders, expected), differingOf(local, expected)]
  for (const rows of differingRows) faults.differing += rows
  faults.lost += reported.faults.missing
  faults.duplicates += reported.faults.doubled
  faults.differing += reported.faults.unknown
  const difference = firstDifference(actual, expected)
  const { numbers } = reported
  const sum = (...names: string[]): number =>
    names.reduce((total, name) => total + (numbers[name] ?? 0), 0)
  return {
    inputs,
    outputs:
      [actual.events, actual.refused, actual.alerts].flat(2).length +
      sum('events', 'rejected', 'paid', 'unmatched', 'recovered', 'alerts'),
    deadLetters: actual.deadLetters.length + sum('deadLetters'),
    ...faults,
    findings: [
      ...(difference === undefined ? [] : [difference]),
      ...(differingRows[1] === 0 ? [] : [`${differingRows[1]} rows of local stores differ`]),
      ...(reported.balanced ? [] : [`orders with payments of their own: ${reported.verdict}`]),
      ...(inputsOf(actual, reported) === inputs
        ? []
        : [`${inputsOf(actual, reported)} inputs came to something, of ${inputs}`]),
      ...failures,
    ],
  }
}

/** By what came out of them. */
function inputsOf({ events, refused, deadLetters }: OrdersOutcome, reported: OrdersAccount) {
  const failed = events.flat().filter((event) => event.includes('"PaymentFailed"'))
  const folded = [...events, ...refused, deadLetters].flat().length - failed.length
  return folded + (reported.numbers['input'] ?? 0)
}

function compareLists(
  actual: readonly string[],
  expected: readonly string[],
  faults: Faults,
): void {
  const left = new Map<string, number>()
  for (const value of expected) left.set(value, (left.get(value) ?? 0) + 1)
  let isComplete = true
  for (const value of actual) {
    const count = left.get(value)
    if (count === undefined) faults.differing += 1
    else if (count <= 0) faults.duplicates += 1
    else {
      left.set(value, count - 1)
      continue
    }
    isComplete = false
  }
  for (const count of left.values()) {
    faults.lost += count
    if (count > 0) isComplete = false
  }
  // The same records: only their order may be another one.
  if (isComplete) {
    faults.differing += actual.filter((value, place) => value !== expected[place]).length
  }
}

function differingOf(
  actual: ReadonlyMap<string, Order>,
  { orders }: Pick<OrdersOutcome, 'orders'>,
): number {
  let differing = 0
  for (const [id, order] of orders) {
    if (!isDeepStrictEqual(actual.get(id), order)) differing += 1
  }
  for (const id of actual.keys()) if (!orders.has(id)) differing += 1
  return differing
}

export const isExact = ({ duplicates, lost, differing, findings }: ChaosAccount): boolean =>
  duplicates + lost + differing + findings.length === 0

export function accountLines(account: ChaosAccount): readonly string[] {
  const { inputs, outputs, deadLetters, duplicates, lost, differing, findings } = account
  const row = (count: number, label: string): string =>
    `${count.toLocaleString('en-US').padStart(12)}  ${label}`
  return [
    row(inputs, 'input records'),
    row(outputs, 'output records'),
    row(deadLetters, 'dead letters'),
    row(duplicates, 'duplicates'),
    row(lost, 'lost'),
    row(differing, 'differing from the plain fold'),
    ...findings.map((finding) => `  ${finding}`),
    isExact(account) ? 'EXACT: everything happened once.' : 'NOT EXACT.',
  ]
}
