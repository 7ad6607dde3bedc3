import type { Clock } from '../../core/clock.ts'
import { KafkaError } from '../port.ts'

/** Pauses double from `initialMs` to `maxMs`; no new attempt starts after `timeoutMs`. */
export interface RetryPolicy {
  readonly initialMs: number
  readonly maxMs: number
  readonly timeoutMs: number
  /** Which failures another attempt may cure; anything else is thrown at once. */
  readonly cures: (error: KafkaError) => boolean
}

/** Nothing took effect, so the same request may be sent again whatever it asked for. */
export const wasRefused = (error: KafkaError): boolean =>
  error.kind === 'retriable' || error.kind === 'stale-metadata'

/** Also lost answers: for requests that may be carried out twice without harm. */
export const wasRefusedOrLost = (error: KafkaError): boolean =>
  wasRefused(error) || error.kind === 'network'

/** Of a request that says the same each time, so that a lost answer does not matter. */
export const repeating = (timeoutMs: number): RetryPolicy => ({
  ...{ initialMs: 1, maxMs: 20, timeoutMs },
  cures: wasRefusedOrLost,
})

/**
 * Runs `attempt` until it succeeds, until a failure is not curable, or until time is up or the
 * signal aborts: then the last failure is thrown.
 */
export async function retrying<T>(
  clock: Clock,
  policy: RetryPolicy,
  attempt: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const deadlineMs = clock.nowMs() + policy.timeoutMs
  for (let pauseMs = policy.initialMs; ; pauseMs = Math.min(pauseMs * 2, policy.maxMs)) {
    try {
      return await attempt()
    } catch (error) {
      if (!(error instanceof KafkaError) || !policy.cures(error)) throw error
      const leftMs = deadlineMs - clock.nowMs()
      if (leftMs <= 0 || isAborted(signal)) throw error
      await clock.sleep(Math.min(pauseMs, leftMs), signal)
      if (isAborted(signal)) throw error
    }
  }
}

const isAborted = (signal: AbortSignal | undefined): boolean => signal?.aborted ?? false
