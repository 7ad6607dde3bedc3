import { StreamsError } from '../core/errors.ts'
import { checkScan, merged, type FoundRow, type Scan } from '../query/scan.ts'
import type { Serde } from '../serde/serde.ts'
import type { Windowed } from '../serde/windowed-key.ts'
import type { StoreSpec } from '../state/store-spec.ts'
import type { StreamWorker } from './stream-worker.ts'

const LIMIT = 1_000
/** A thread processes nothing while it looks rows up. */
const LIMIT_MAX = 10_000

export interface ScanOptions {
  /** At most so many rows, from 1 to 10,000; default 1,000. */
  readonly limit?: number
  /** From the last key to the first; of ranges only. */
  readonly reverse?: boolean
}

export interface StoreRow {
  readonly key: unknown
  readonly value: unknown
}

export interface StoreRows {
  readonly rows: readonly StoreRow[]
  /** False: there are more than the limit; go on from the last key. */
  readonly complete: boolean
}

/**
 * Reads of a store's local part, from outside the topology: of the tasks that run in this process.
 * What is read may not be committed yet, so it can be undone by a failure; a task's rows are of one
 * moment, those of several tasks are not.
 *
 * Everything rejects with `STORE_UNAVAILABLE` while no running task here has what is asked for, or
 * while a global store is being read, and with `INVALID_CONFIG` where the store is of another kind.
 */
export interface LocalStoreView {
  /** The latest value of a key; of a store of windows, by key and window. */
  readonly get: (key: unknown) => Promise<unknown>
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
}

/** What is asked of a thread. */
export type QueriedThread = Pick<StreamWorker, 'get' | 'scan'>

export function storeView(
  spec: StoreSpec,
  pool: { readonly threads: readonly QueriedThread[] },
): LocalStoreView {
  const key = spec.key as Serde<unknown>
  const scanned = async (scan: Scan, options: ScanOptions = {}): Promise<StoreRows> => {
    checkScan(spec, scan.kind)
    const limit = limitOf(options)
    const answers = await Promise.all(pool.threads.map((each) => each.scan(spec.name, scan, limit)))
    const found = answers.filter((answer) => answer !== undefined && answer.tasks > 0)
    const global = found.find((answer) => answer?.isGlobal)
    const parts = global === undefined ? found : [global]
    if (parts.length === 0) throw unavailable(spec.name)
    const { rows, complete } = merged(parts as NonNullable<(typeof parts)[number]>[], scan, limit)
    return { rows: await Promise.all(rows.map((row) => decoded(spec, row))), complete }
  }
  return {
    get: async (given) => {
      const [bytes, owner] = [key.serialize(given), ownerBytes(spec, given)]
      const answers = await Promise.all(
        pool.threads.map((each) => each.get(spec.name, bytes, owner)),
      )
      const answer = answers.find((each) => each !== undefined)
      if (answer === undefined) throw unavailable(spec.name)
      if (answer.found === undefined) return undefined
      await spec.value.remote?.ready(answer.found.value)
      return spec.value.deserialize(answer.found.value)
    },
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
  }
}

export const innerKeyOf = (spec: StoreSpec): Serde<unknown> =>
  spec.kind === 'window' || spec.kind === 'session' ? spec.innerKey : spec.key

/** What the partition was chosen by: a window has no part in it. */
const ownerBytes = (spec: StoreSpec, key: unknown): Uint8Array =>
  innerKeyOf(spec).serialize(
    spec.kind === 'window' || spec.kind === 'session' ? (key as Windowed<unknown>).key : key,
  )

async function decoded(spec: StoreSpec, [key, value]: FoundRow): Promise<StoreRow> {
  await spec.key.remote?.ready(key)
  await spec.value.remote?.ready(value)
  return { key: spec.key.deserialize(key), value: spec.value.deserialize(value) }
}

function limitOf({ limit = LIMIT }: ScanOptions): number {
  if (Number.isInteger(limit) && limit >= 1 && limit <= LIMIT_MAX) return limit
  throw new StreamsError('INVALID_CONFIG', {
    message: `${limit} rows cannot be asked for at once`,
    hint: `Ask for 1 to ${LIMIT_MAX}, and go on from the last key.`,
  })
}

const unavailable = (store: string): StreamsError =>
  new StreamsError('STORE_UNAVAILABLE', {
    message: `no running task of this application has that of store "${store}"`,
    hint: 'Ask again when the application is running, or ask the instance that owns the key.',
  })
