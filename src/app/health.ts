import type { ThreadSnapshot } from '../runtime/thread/thread-snapshot.ts'
import type { ApplicationState } from './application-state.ts'

/** Whether all is well, and if not, what is wrong. */
export interface Health {
  readonly ok: boolean
  readonly state: ApplicationState
  /** What is wrong, a fact each. */
  readonly problems: readonly string[]
}

/** How a thread shows that it lives. */
export interface SignOfLife {
  readonly thread: number
  /** How long it owes an answer. */
  readonly silentMs: number
  /** Undefined where it did not answer. */
  readonly snapshot: Pick<ThreadSnapshot, 'sinceTurnMs'> | undefined
}

/** How long a thread may be silent, and its loop wait: an outage is no reason to die. */
export interface Patience {
  readonly stuckAfterMs: number
  /** From then on the thread is out of its group by itself. */
  readonly maxPollIntervalMs: number
}

/** Whether the process does what it is there for, or should be started again. */
export function liveness(
  state: ApplicationState,
  threads: readonly SignOfLife[],
  { stuckAfterMs, maxPollIntervalMs }: Patience,
): Health {
  const failed = state === 'error' || state === 'pending-error'
  const problems = threads.flatMap(({ thread, silentMs, snapshot }) => {
    if (silentMs >= stuckAfterMs) {
      return [`thread ${thread} has not answered for ${seconds(silentMs)}: a step holds it up`]
    }
    const sinceTurnMs = snapshot?.sinceTurnMs ?? 0
    if (sinceTurnMs < maxPollIntervalMs) return []
    return [`thread ${thread} has waited for something for ${seconds(sinceTurnMs)}`]
  })
  if (failed) problems.push('a thread failed')
  return { ok: problems.length === 0, state, problems }
}

/** Whether it processes records: restored, in its group, and not about to stop. */
export const readiness = (state: ApplicationState): Health => {
  const ok = state === 'running'
  return { ok, state, problems: ok ? [] : [`the application is ${state}, not running`] }
}

const seconds = (ms: number): string => `${Math.round(ms / 1_000)} s`
