import type { Meta } from '../../core/record.ts'

/** What an asynchronous call is told beside the value; it stays as it is. */
export interface AsyncMeta<out K = unknown> extends Meta<K> {
  /** From 1. */
  readonly attempt: number
  /**
   * The same for every attempt, also after a crash: what is called may know by it that it has done
   * the work already. Different for different records, and for different values made of one.
   */
  readonly idempotencyKey: string
  /** Aborts when the time is up, or the task is closed. */
  readonly signal: AbortSignal
}
