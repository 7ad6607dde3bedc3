import {
  json,
  string,
  topic,
  type GlobalTable,
  type Stream,
  type Table,
  type TopologyBuilder,
} from 'millrace'

export const number = json<number>()

/** Input. What a table or a global table reads is there before the rest, and older. */
export const topics = (prefix: string) => ({
  numbers: topic(`${prefix}.numbers`, { key: string, value: number }),
  others: topic(`${prefix}.others`, { key: string, value: number }),
  prices: topic(`${prefix}.prices`, { key: string, value: number }),
  rates: topic(`${prefix}.rates`, { key: string, value: number }),
  cities: topic(`${prefix}.cities`, { key: string, value: json<string>() }),
  names: topic(`${prefix}.names`, { key: string, value: json<string>() }),
  output: topic(`${prefix}.output`, { key: string, value: json<unknown>() }),
})
export type Topics = ReturnType<typeof topics>

/** What operators are given. Two partitions each. */
export interface Io {
  readonly builder: TopologyBuilder
  readonly numbers: Stream<string, number>
  readonly others: Stream<string, number>
  readonly prices: Table<string, number>
  readonly rates: Table<string, number>
  readonly cities: Table<string, string>
  readonly names: GlobalTable<string, string>
}

/** A stream or a table. */
type Output = Pick<Stream<never, unknown>, '~flow'> | Pick<Table<never, unknown>, '~flow'>

/**
 * How much of an output is the same on Kafka as in the test driver, for each key: every record;
 * every value, where records of several partitions meet in a key or the wall clock dates them; the
 * values in any order; the last one, where it depends on timing how often a result is computed.
 */
export type Comparison = 'exact' | 'values' | 'set' | 'last'

export interface Operator {
  readonly name: string
  readonly comparison: Comparison
  readonly build: (io: Io) => Output
}

const operatorsOf =
  (comparison: Comparison) =>
  (name: string, build: Operator['build']): Operator => ({ name, comparison, build })
export const exact = operatorsOf('exact')
export const values = operatorsOf('values')
export const set = operatorsOf('set')
export const last = operatorsOf('last')

export const add = (sum: number, value: number): number => sum + value
export const text = (left: unknown, right: unknown): string =>
  `${String(left)} and ${String(right)}`
