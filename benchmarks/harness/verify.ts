import type { RawRecord } from '../../src/core/record.ts'
import { centsOf, orderIndexOf, orderJson, orderKey } from './orders.ts'
import { isPaid, orderId, orderTimeMs, paymentJson, paymentTimeMs } from './payments.ts'
import { customersOf, type Workload } from './workloads.ts'

/** Checks outputs one by one, in the order of their partitions. */
export interface Verifier {
  readonly check: (output: RawRecord) => void
  /** What was wrong, once all outputs were checked; at most a few lines. */
  readonly problems: () => readonly string[]
}

const PROBLEMS_MAX = 3
const textOf = (bytes: Uint8Array | null): string => Buffer.from(bytes ?? []).toString()

const wrongNumber = (outputs: number, records: number): readonly string[] =>
  outputs === records ? [] : [`${outputs} outputs of ${records} orders`]

/** For outputs of the first `records` orders, or orders and payments, which began at `startMs`. */
export function verifierOf(workload: Workload, records: number, startMs: number): Verifier {
  const customers = customersOf(workload)
  switch (workload) {
    case 'W0':
      return passesOn(records, startMs, customers)
    case 'W1':
    case 'W2':
      return counts(records, customers)
    case 'W3':
      return sums(records, startMs, customers)
    case 'W4':
      return joins(records / 2, startMs)
    case 'W5':
      throw new Error('a restore is verified by its answers')
  }
}

/** How many outputs there must be. */
export const outputsOf = (workload: Workload, records: number): number =>
  workload === 'W4' ? (records / 2 / 5) * 4 : records

/** Each order once, in the order of its partition, the same but for `processed`. */
function passesOn(records: number, startMs: number, customers: number): Verifier {
  const problems: string[] = []
  const lastOf = new Map<number, number>()
  let outputs = 0
  return {
    check: ({ key, value, partition }) => {
      outputs += 1
      if (problems.length >= PROBLEMS_MAX) return
      const text = textOf(value)
      const index = orderIndexOf(value ?? Buffer.from('{}'))
      const order = JSON.parse(orderJson(index, startMs + index, customers)) as object
      if (text !== JSON.stringify({ ...order, processed: true })) problems.push(`wrong: ${text}`)
      if (textOf(key) !== orderKey(index, customers))
        problems.push(`order ${index} under ${textOf(key)}`)
      const last = lastOf.get(partition) ?? -1
      if (index <= last) problems.push(`order ${index} after ${last} in partition ${partition}`)
      lastOf.set(partition, index)
    },
    problems: () => [...problems, ...wrongNumber(outputs, records)],
  }
}

/** Each count of a key follows the one before, and the last one is right. */
function counts(records: number, customers: number): Verifier {
  const problems: string[] = []
  const counted = new Map<string, number>()
  let outputs = 0
  return {
    check: ({ key, value }) => {
      outputs += 1
      const name = textOf(key)
      const count = (counted.get(name) ?? 0) + 1
      counted.set(name, count)
      if (problems.length < PROBLEMS_MAX && Number(textOf(value)) !== count) {
        problems.push(`${name} is ${textOf(value)}, not ${count}`)
      }
    },
    problems: () => {
      const wanted = new Map<string, number>()
      for (let index = 0; index < records; index++) {
        const key = orderKey(index, customers)
        wanted.set(key, (wanted.get(key) ?? 0) + 1)
      }
      const wrong = [...wanted].filter(([key, count]) => counted.get(key) !== count)
      const ends = wrong
        .slice(0, PROBLEMS_MAX)
        .map(([key, count]) => `${key} ended as ${counted.get(key)}, not ${count}`)
      return [...problems, ...ends, ...wrongNumber(outputs, records)]
    },
  }
}

/** Each order that was paid once, merged with its payment. */
function joins(orders: number, startMs: number): Verifier {
  const problems: string[] = []
  const seen = new Set<number>()
  return {
    check: ({ key, value }) => {
      const text = textOf(value)
      const index = orderIndexOf(value ?? Buffer.from('{}'))
      const order = JSON.parse(orderJson(index, orderTimeMs(index, startMs))) as object
      const payment = JSON.parse(paymentJson(index, paymentTimeMs(index, startMs))) as object
      if (problems.length >= PROBLEMS_MAX) return
      if (seen.has(index)) problems.push(`order ${index} twice`)
      seen.add(index)
      if (textOf(key) !== orderId(index)) problems.push(`order ${index} under ${textOf(key)}`)
      if (text !== JSON.stringify({ ...order, ...payment })) problems.push(`wrong: ${text}`)
    },
    problems: () => {
      const missing = Array.from({ length: orders }, (_, index) => index).filter(
        (index) => isPaid(index) !== seen.has(index),
      )
      const lost = missing.slice(0, PROBLEMS_MAX).map((index) => `order ${index} is not joined`)
      return [...problems, ...lost, ...wrongNumber(seen.size, outputsOf('W4', 2 * orders))]
    },
  }
}

const WINDOW_MS = 300_000

/** Each count of a key and a window follows the one before; the last one is right, and its sum. */
function sums(records: number, startMs: number, customers: number): Verifier {
  interface Total {
    readonly windowStart: number
    readonly count: number
    readonly sum: number
  }
  const problems: string[] = []
  const totals = new Map<string, { count: number; sum: number }>()
  let outputs = 0
  return {
    check: ({ key, value }) => {
      outputs += 1
      const total = JSON.parse(textOf(value)) as Total
      const name = `${textOf(key)} from ${total.windowStart}`
      const count = (totals.get(name)?.count ?? 0) + 1
      totals.set(name, { count, sum: total.sum })
      if (problems.length < PROBLEMS_MAX && total.count !== count) {
        problems.push(`${name} is ${textOf(value)}, not of ${count} orders`)
      }
    },
    problems: () => {
      const wanted = new Map<string, { count: number; cents: number }>()
      for (let index = 0; index < records; index++) {
        const timestampMs = startMs + index
        const name = `${orderKey(index, customers)} from ${timestampMs - (timestampMs % WINDOW_MS)}`
        const total = wanted.get(name) ?? { count: 0, cents: 0 }
        total.count += 1
        total.cents += centsOf(index)
        wanted.set(name, total)
      }
      const wrong = [...wanted].filter(([name, { count, cents }]) => {
        const total = totals.get(name)
        return total?.count !== count || Math.round(total.sum * 100) !== cents
      })
      const ends = wrong
        .slice(0, PROBLEMS_MAX)
        .map(
          ([name, total]) =>
            `${name} ended as ${JSON.stringify(totals.get(name))}, not as ${JSON.stringify(total)}`,
        )
      const others = totals.size === wanted.size ? [] : [`${totals.size} windows of ${wanted.size}`]
      return [...problems, ...ends, ...others, ...wrongNumber(outputs, records)]
    },
  }
}
