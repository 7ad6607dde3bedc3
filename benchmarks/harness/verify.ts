import type { RawRecord } from '../../src/core/record.ts'
import { orderIndexOf, orderJson, orderKey } from './orders.ts'
import type { Workload } from './workloads.ts'

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

/** For outputs of the first `records` orders, which began at `startMs`. */
export const verifierOf = (workload: Workload, records: number, startMs: number): Verifier =>
  workload === 'W0' ? passesOn(records, startMs) : counts(records)

/** Each order once, in the order of its partition, the same but for `processed`. */
function passesOn(records: number, startMs: number): Verifier {
  const problems: string[] = []
  const lastOf = new Map<number, number>()
  let outputs = 0
  return {
    check: ({ key, value, partition }) => {
      outputs += 1
      if (problems.length >= PROBLEMS_MAX) return
      const text = textOf(value)
      const index = orderIndexOf(value ?? Buffer.from('{}'))
      const order = JSON.parse(orderJson(index, startMs + index)) as object
      if (text !== JSON.stringify({ ...order, processed: true })) problems.push(`wrong: ${text}`)
      if (textOf(key) !== orderKey(index)) problems.push(`order ${index} under ${textOf(key)}`)
      const last = lastOf.get(partition) ?? -1
      if (index <= last) problems.push(`order ${index} after ${last} in partition ${partition}`)
      lastOf.set(partition, index)
    },
    problems: () => [...problems, ...wrongNumber(outputs, records)],
  }
}

/** Each count of a key follows the one before, and the last one is right. */
function counts(records: number): Verifier {
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
        const key = orderKey(index)
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
