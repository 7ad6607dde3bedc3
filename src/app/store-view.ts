import { StreamsError } from '../core/errors.ts'
import type { ValueAnswer } from '../query/question.ts'
import { checkScan, timeBytesOf, type FoundRow, type Scan } from '../query/scan.ts'
import type { Serde } from '../serde/serde.ts'
import type { Windowed } from '../serde/windowed-key.ts'
import type { StoreSpec } from '../state/store-spec.ts'
import type { StoreReader } from './store-reader.ts'

const LIMIT = 1_000
/** A thread processes nothing while it looks rows up. */
const LIMIT_MAX = 10_000

/** Who may answer. */
export interface ReadOptions {
  /** Only of tasks that run in this process: no other instance is asked. */
  readonly local?: boolean
  /** A standby's copy will do too, where the task itself cannot be asked: it may be behind. */
  readonly standby?: boolean
}

/** Which version of a row is asked for, and who may answer. */
export interface GetOptions extends ReadOptions {
  /** The version that held at that time, of a versioned store; default: the latest. */
  readonly asOfMs?: number
}

/** How much of a range to read, and from which end. */
export interface ScanOptions extends ReadOptions {
  /** At most so many rows, from 1 to 10,000; default 1,000. */
  readonly limit?: number
  /** From the last key to the first; of ranges only. */
  readonly reverse?: boolean
}

/** What a standby's copy lacks; there is none where the running task has answered. */
export interface Staleness {
  /** Changelog records that were not in the copy, as far as it knew; infinite: not known. */
  readonly lag: number
}

/** What a look-up has found, and how old it may be. */
export interface StoreValue {
  /** Undefined: the store has no such key. */
  readonly value: unknown
  /** Undefined: it is what the running task has. */
  readonly stale: Staleness | undefined
}

/** A row as its serdes read it. */
export interface StoreRow {
  readonly key: unknown
  readonly value: unknown
}

/** Rows of a range, and whether they are all. */
export interface StoreRows {
  readonly rows: readonly StoreRow[]
  /** False: there are more than the limit; go on from the last key. */
  readonly complete: boolean
  /** Some of it comes from standbys; the largest lag of those. */
  readonly stale?: Staleness
}

/**
 * Reads of a store from outside the topology, over all instances of the application: those that
 * run elsewhere are asked over HTTP. What is read may not be committed yet, so it can be undone by
 * a failure; a task's rows are of one moment, those of several tasks are not.
 *
 * Everything rejects with `STORE_UNAVAILABLE` while a task that has what is asked for cannot be
 * asked, or a global store is being read, and with `INVALID_CONFIG` where the store is of another
 * kind. There is never a part of an answer.
 */
export interface StoreView {
  /** The latest value of a key; of a store of windows, by key and window. */
  readonly get: (key: unknown, options?: GetOptions) => Promise<unknown>
  /** The same, and whether it comes from a standby's copy. */
  readonly find: (key: unknown, options?: GetOptions) => Promise<StoreValue>
  /** By the order of the keys' bytes, both ends inclusive, null unbounded. */
  readonly range: (from: unknown, to: unknown, options?: ScanOptions) => Promise<StoreRows>
  /** Every key whose bytes begin with these. */
  readonly prefix: (prefix: Uint8Array, options?: ScanOptions) => Promise<StoreRows>
  /**
   * A key's windows that start from `fromMs` to `toMs`, or its sessions that touch that time, the
   * earliest first.
   */
  readonly fetch: (
    key: unknown,
    fromMs: number,
    toMs: number,
    options?: ScanOptions,
  ) => Promise<StoreRows>
  /** Every key's windows that start from `fromMs` to `toMs`, or sessions that end then. */
  readonly fetchAll: (fromMs: number, toMs: number, options?: ScanOptions) => Promise<StoreRows>
}

export function storeView(spec: StoreSpec, reader: StoreReader): StoreView {
  const key = spec.key as Serde<unknown>
  const scanned = async (scan: Scan, options: ScanOptions = {}): Promise<StoreRows> => {
    checkScan(spec, scan.kind)
    const { standby = false, local = false } = options
    const limit = limitOf(options)
    const question = { store: spec.name, scan, limit, standby, partitions: undefined }
    const { rows, complete, lag } = await reader.rows(question, local)
    return {
      rows: await Promise.all(rows.map((row) => decoded(spec, row))),
      complete,
      ...(lag === undefined ? {} : { stale: { lag } }),
    }
  }
  const answerTo = (given: unknown, options: GetOptions = {}): Promise<ValueAnswer> => {
    const { standby = false, local = false, asOfMs } = options
    checkAsOf(spec, asOfMs)
    const owner = ownerBytes(spec, given)
    const question = { store: spec.name, key: key.serialize(given), owner, asOfMs, standby }
    return reader.value(question, local)
  }
  const find = async (given: unknown, options?: GetOptions): Promise<StoreValue> => {
    const { found, lag } = await answerTo(given, options)
    const stale = lag === undefined ? undefined : { lag }
    if (found === undefined) return { value: undefined, stale }
    await spec.value.remote?.ready(found.value)
    return { value: spec.value.deserialize(found.value), stale }
  }
  return {
    find,
    get: async (given, options) => (await find(given, options)).value,
    range: async (from, to, options) => {
      const [first, last] = [from, to].map((end) =>
        end === null || end === undefined ? null : key.serialize(end),
      ) as [Uint8Array | null, Uint8Array | null]
      const reverse = options?.reverse ?? false
      return scanned({ kind: 'range', from: first, to: last, reverse }, options)
    },
    prefix: (prefix, options) => scanned({ kind: 'prefix', prefix }, options),
    fetch: async (given, fromMs, toMs, options) => {
      checkScan(spec, 'fetch')
      const inner = innerKeyOf(spec).serialize(given)
      return scanned({ kind: 'fetch', key: inner, fromMs, toMs }, options)
    },
    fetchAll: async (fromMs, toMs, options) => {
      const timeBytes = timeBytesOf(spec)
      return scanned({ kind: 'fetchAll', fromMs, toMs, timeBytes }, options)
    },
  }
}

export const innerKeyOf = (spec: StoreSpec): Serde<unknown> =>
  spec.kind === 'window' || spec.kind === 'session' ? spec.innerKey : spec.key

/** What the partition was chosen by: a window has no part in it. */
export const ownerBytes = (spec: StoreSpec, key: unknown): Uint8Array =>
  innerKeyOf(spec).serialize(
    spec.kind === 'window' || spec.kind === 'session' ? (key as Windowed<unknown>).key : key,
  )

async function decoded(spec: StoreSpec, [key, value]: FoundRow): Promise<StoreRow> {
  await spec.key.remote?.ready(key)
  await spec.value.remote?.ready(value)
  return { key: spec.key.deserialize(key), value: spec.value.deserialize(value) }
}

function checkAsOf({ name, kind }: StoreSpec, asOfMs: number | undefined): void {
  if (asOfMs === undefined || kind === 'versioned') return
  throw new StreamsError('INVALID_CONFIG', {
    message: `store "${name}" is a ${kind} store, which has no value as of a time`,
    hint: 'Only versioned stores keep what held before: see docs/guide/versioned-tables.md.',
  })
}

function limitOf({ limit = LIMIT }: ScanOptions): number {
  if (Number.isInteger(limit) && limit >= 1 && limit <= LIMIT_MAX) return limit
  throw new StreamsError('INVALID_CONFIG', {
    message: `${limit} rows cannot be asked for at once`,
    hint: `Ask for 1 to ${LIMIT_MAX}, and go on from the last key.`,
  })
}
