import type { Meta } from '../../core/record.ts'

/** The values of the fixtures that functions are given by name. */
export type Value = string | number
export type Maybe = Value | null

/** `null` for null, a text as it is, a number in decimal, an object as compact JSON. */
export const str = (value: unknown): string =>
  typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value)

/** 0 for null. */
export const n = (value: unknown): number => Number(value ?? 0)

/** What is kept of texts that would grow with every record. */
export const tail = (text: string): string => text.slice(-40)

export const isDivisible = (value: unknown, by: number): boolean => n(value) % by === 0

const named = <T>(table: Readonly<Record<string, T>>, what: string) => {
  const find = (name: string): T => {
    const entry = Object.hasOwn(table, name) ? table[name] : undefined
    if (entry === undefined) throw new Error(`there is no ${what} "${name}"`)
    return entry
  }
  return find
}

export type Reducer = (aggregate: Maybe, value: Maybe) => Maybe

const reducers: Readonly<Record<string, Reducer>> = {
  sum: (aggregate, value) => n(aggregate) + n(value),
  max: (aggregate, value) => Math.max(n(aggregate), n(value)),
  concat: (aggregate, value) => `${str(aggregate)}|${str(value)}`,
  sumDrop5: (aggregate, value) => {
    const sum = n(aggregate) + n(value)
    return isDivisible(sum, 5) ? null : sum
  },
}

export const reducerOf = named(reducers, 'reducer')

export interface Aggregator {
  readonly initial: Value
  readonly add: (key: string, value: Maybe, aggregate: Maybe) => Maybe
  /** Of two sessions. */
  readonly merge: (left: Maybe, right: Maybe) => Value
}

const appending = (left: Maybe, right: Maybe): string => str(left) + str(right)

const aggregators: Readonly<Record<string, Aggregator>> = {
  aggList: {
    initial: '',
    add: (_, value, list) => `${str(list)}${str(value)};`,
    merge: appending,
  },
  aggSum: {
    initial: 0,
    add: (_, value, sum) => n(sum) + n(value),
    merge: (left, right) => n(left) + n(right),
  },
  aggKeyed: {
    initial: '>',
    add: (key, value, list) => `${str(list)}${key}:${str(value)};`,
    merge: (left, right) => `${str(left)}&${str(right)}`,
  },
  aggDrop: {
    initial: '',
    add: (_, value, list) =>
      value === null || isDivisible(value, 4) ? null : `${str(list)}${str(value)};`,
    merge: appending,
  },
}

export const aggregatorOf = named(aggregators, 'aggregator')

export type Joiner = (left: unknown, right: unknown, meta: Meta<string | null>) => string | null

const joiners: Readonly<Record<string, Joiner>> = {
  plus: (left, right) => `${str(left)}+${str(right)}`,
  paren: (left, right) => `(${str(left)},${str(right)})`,
  keyed: (left, right, { key }) => `${str(key)}:${str(left)}~${str(right)}`,
  nullable: (left, right) =>
    str(left).at(-1) === str(right).at(-1) ? null : `${str(left)}+${str(right)}`,
}

export const joinerOf = named(joiners, 'joiner')

/** What one record becomes in the families whose cache merges updates. */
export const burstOf = (value: Maybe, burst: number): readonly number[] =>
  Array.from({ length: Math.max(0, n(value) % burst) }, (_, i) => n(value) + i)
