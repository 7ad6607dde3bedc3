import { durationMs, type Duration } from '../../core/duration.ts'
import { StreamsError } from '../../core/errors.ts'

/** How long a record waits for its next attempt. */
export interface Backoff {
  /**
   * After so many attempts, from 1, in milliseconds. `chance` is in [0, 1), and the same for the
   * same record and attempt, so that a run can be repeated.
   */
  readonly delayMs: (attempts: number, chance: number) => number
}

/** How pauses grow, and how far they are spread. */
export interface ExponentialOptions {
  /** What each wait is multiplied with to get the next one; 2 by default. */
  readonly factor?: number
  /**
   * By which share of it a wait may be shorter, from 0 to 1, so that records which failed together
   * do not all come again together; 0 by default.
   */
  readonly jitter?: number
}

/** Waits that grow: `exponential('1s', '30s')` waits 1 s, 2 s, 4 s, 8 s, 16 s, then 30 s. */
export function exponential(
  first: Duration,
  most: Duration,
  { factor = 2, jitter = 0 }: ExponentialOptions = {},
): Backoff {
  const [firstMs, mostMs] = [durationMs(first), durationMs(most)]
  if (!(factor >= 1) || !(jitter >= 0 && jitter <= 1) || mostMs < firstMs) {
    throw new StreamsError('INVALID_CONFIG', {
      message: `exponential('${first}', '${most}', { factor: ${factor}, jitter: ${jitter} }) is no backoff`,
      hint: 'The second wait is the longest one, the factor is at least 1, the jitter from 0 to 1.',
    })
  }
  return {
    delayMs: (attempts, chance) => {
      const waitMs = Math.min(mostMs, firstMs * factor ** (attempts - 1))
      return Math.round(waitMs * (1 - jitter * chance))
    },
  }
}

/** The same wait each time. */
export function fixed(wait: Duration): Backoff {
  const waitMs = durationMs(wait)
  return { delayMs: () => waitMs }
}
