import { messageOf, type ErrorCode, type StreamsError } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'

/**
 * What becomes of an application whose thread has failed (KIP-671).
 * - `replace-thread`: another thread takes its place, after a pause; ten failures in a row, none of
 *   which took five minutes to come, stop the client all the same.
 * - `stop-client`: the other threads of this process finish, commit and leave the group.
 * - `stop-application`: the same in every instance of the application.
 */
export type UncaughtErrorReaction = 'replace-thread' | 'stop-client' | 'stop-application'

/** By the error, where that matters. It is called in the main thread of the process. */
export type UncaughtErrorPolicy =
  UncaughtErrorReaction | ((error: StreamsError) => UncaughtErrorReaction)

export const uncaughtErrorReactions = ['replace-thread', 'stop-client', 'stop-application'] as const

/** Another thread would meet them as well, and they are no reason for other instances to stop. */
const ours: ReadonlySet<ErrorCode> = new Set([
  'APPLICATION_STOPPED',
  'INVALID_CONFIG',
  'INVALID_TOPOLOGY',
])

/** The policy's answer; `stop-client` where it has none, or where nothing else would help. */
export function reactionTo(
  policy: UncaughtErrorPolicy,
  error: StreamsError,
  logger: Logger,
): UncaughtErrorReaction {
  if (ours.has(error.code)) return 'stop-client'
  if (typeof policy !== 'function') return policy
  try {
    const reaction: string | undefined = policy(error)
    const known = uncaughtErrorReactions.find((each) => each === reaction)
    if (known !== undefined) return known
    logger.error({ reaction }, 'onUncaughtError gave no reaction that we know')
  } catch (thrown) {
    logger.error({ err: thrown, because: messageOf(error) }, 'onUncaughtError itself failed')
  }
  return 'stop-client'
}

/** Between a failure and the thread in its place; doubles with each failure in a row. */
const PAUSE_MIN_MS = 1_000
const PAUSE_MAX_MS = 60_000
const REPLACEMENTS_MAX = 10
/** Who fails after so long does not fail in a row. */
const IN_A_ROW_MS = 300_000

/** How often threads with this number have failed in a row, and how long the next one waits. */
export class Replacements {
  readonly #failures = new Map<number, { readonly count: number; readonly atMs: number }>()

  /** Undefined: enough of it. */
  pauseMs(thread: number, nowMs: number): number | undefined {
    const last = this.#failures.get(thread)
    const count = last !== undefined && nowMs - last.atMs < IN_A_ROW_MS ? last.count + 1 : 1
    this.#failures.set(thread, { count, atMs: nowMs })
    if (count > REPLACEMENTS_MAX) return undefined
    return Math.min(PAUSE_MAX_MS, PAUSE_MIN_MS * 2 ** (count - 1))
  }
}
