import { AssertionFailure, isStreamsError } from '../../core/errors.ts'
import type { RawRecord } from '../../core/record.ts'
import { seededRandom } from '../../core/random.ts'
import type { Backoff } from './backoff.ts'

/** When a step tries a record again. */
export interface RetryPolicy {
  /** How often in all, the first time included. */
  readonly attempts: number
  readonly backoff: Backoff
  /** False for an error that no further attempt can help. */
  readonly when: (error: unknown) => boolean
}

/** Errors of records; of the others a further attempt of the record is no cure. */
const codes: readonly string[] = ['SERDE_FAILED', 'PROCESSING_FAILED']

/** Whether a record that failed with this error, for the nth time, is tried again. */
export function mayTryAgain(policy: RetryPolicy, error: unknown, attempts: number): boolean {
  if (error instanceof AssertionFailure) return false
  if (isStreamsError(error) && !codes.includes(error.code)) return false
  return attempts < policy.attempts && policy.when(error)
}

/** How long the record waits now; the same each time that the same record is processed. */
export function waitMs(policy: RetryPolicy, { partition, offset }: RawRecord, attempts: number) {
  const seed = (partition * 31 + attempts) * 1_000_003 + (offset % 2 ** 31)
  return Math.max(0, policy.backoff.delayMs(attempts, seededRandom(seed)()))
}
