import type { TaskId } from '../core/task-id.ts'
import type { FoundRows, Scan } from './scan.ts'

/** A value of a store, by bytes, as threads and other instances are asked for it. */
export interface ValueQuestion {
  readonly store: string
  readonly key: Uint8Array
  /** What the partition of the key was chosen by: the key without its window. */
  readonly owner: Uint8Array
  /** Of a versioned store: the version that held then; undefined: the latest. */
  readonly asOfMs: number | undefined
  /** A copy that may be behind will do, too. */
  readonly standby: boolean
}

/** Rows of a store. */
export interface RowsQuestion {
  readonly store: string
  readonly scan: Scan
  readonly limit: number
  /** A copy that may be behind will do, too. */
  readonly standby: boolean
  /** Of these partitions; undefined: of all that are there. */
  readonly partitions: readonly number[] | undefined
}

/** A value as a store holds it. */
export interface FoundValue {
  readonly value: Uint8Array
  readonly timestampMs: number
}

/** What one task, or a copy of it, has of a key. */
export interface ValueAnswer {
  /** Undefined: nothing, and that is certain. */
  readonly found: FoundValue | undefined
  /** Changelog records that the copy lacks; undefined: it is no copy, and infinite: not known. */
  readonly lag: number | undefined
}

/** Rows of some tasks, or copies of them. */
export interface RowsAnswer extends FoundRows {
  /** That were looked at: rows of others may exist. */
  readonly tasks: readonly TaskId[]
  /** Every thread has all of them, and one answer is enough. */
  readonly isGlobal: boolean
  /** Of the copies among them, the largest; as in {@link ValueAnswer}. */
  readonly lag: number | undefined
}

/** The larger of two lags, either of which may be none. */
export const furthestBehind = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined ? b : b === undefined ? a : Math.max(a, b)
