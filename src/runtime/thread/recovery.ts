import type { FailurePolicy } from '../../topology/graph.ts'
import { reactionTo, type Reaction } from '../reaction.ts'
import { isFromCache } from '../task/cached-update.ts'

/** Between abandoned work and another attempt; doubles while attempts come to no commit. */
const PAUSE_MIN_MS = 100
const PAUSE_MAX_MS = 5_000

export type Recovery = Reaction | 'without-cache'

/**
 * A record that fails only after the cache has swallowed it cannot be set aside any more: what is
 * not committed is done again without a cache, and then it fails in its own turn.
 */
export function recoveryFrom(error: unknown, onFailure: FailurePolicy): Recovery {
  const reaction = reactionTo(error)
  const isHidden = reaction === 'record' && isFromCache(error)
  return isHidden && onFailure !== 'stop' ? 'without-cache' : reaction
}

/** `failures`: so many attempts before this one, in a row. */
export const recoveryPauseMs = (failures: number): number =>
  Math.min(PAUSE_MAX_MS, PAUSE_MIN_MS * 2 ** Math.min(failures, 10))
