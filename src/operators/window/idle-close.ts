import type { Progress } from '../../state/window-store.ts'
import type { OperatorContext } from '../../topology/processor.ts'

/** To be called with each record. */
type Heard = () => void

/**
 * When no record has come for `idleMs` of the wall clock, and the task has nothing to read either,
 * stream time goes on with the wall clock, from the last record on, as far as that closes windows.
 * What it came to is kept, so that a window that was closed stays closed.
 *
 * `closeAt` sends on what has closed at a stream time; true where there was something.
 */
export function idleClose(
  { whileIdle, wallClockMs }: OperatorContext,
  progress: Progress,
  idleMs: number | undefined,
  closeAt: (streamTimeMs: number) => boolean,
): Heard {
  if (idleMs === undefined) return () => {}
  whileIdle((untilMs) => {
    // Before the first record, or after one of a version that did not take it down.
    if (progress.heardMs < 0) progress.heardMs = untilMs
    const elapsedMs = untilMs - progress.heardMs
    if (!progress.isIdle && elapsedMs < idleMs) return false
    progress.isIdle = true
    const streamTimeMs = progress.streamTimeMs + elapsedMs
    if (progress.streamTimeMs < 0 || !closeAt(streamTimeMs)) return false
    progress.streamTimeMs = streamTimeMs
    progress.heardMs = untilMs
    return true
  })
  return () => {
    progress.isIdle = false
    progress.heardMs = wallClockMs()
  }
}
