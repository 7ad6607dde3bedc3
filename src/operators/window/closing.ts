import type { Headers } from '../../core/record.ts'
import type { Windowed } from '../../serde/windowed-key.ts'
import type { Progress } from '../../state/window-store.ts'
import type { Change, OperatorContext } from '../../topology/processor.ts'

interface Closing<K, A> {
  readonly progress: Progress
  readonly emitIntervalMs: number
  /** The windows that were open at `closedMs` (-1: ever) and are closed at `closeMs`, in order. */
  readonly closedBetween: (
    closedMs: number,
    closeMs: number,
  ) => Iterable<readonly [key: Windowed<K>, value: A]>
  /** Equal for two closes where no window ends between them. */
  readonly boundaryOf?: (closeMs: number) => number
  /** Of a result. */
  readonly timestampOf: (key: Windowed<K>) => number
}

/**
 * Sends on what closed windows came to, once: while a record is processed, where the close has
 * moved and the wall clock says that it is time (Kafka Streams' KIP-825).
 */
export function closing<K, A>(
  { emit, wallClockMs }: OperatorContext,
  { progress, emitIntervalMs, closedBetween, boundaryOf, timestampOf }: Closing<K, A>,
): (closeMs: number, headers: Headers) => void {
  let nextMs = 0
  return (closeMs, headers) => {
    const nowMs = wallClockMs()
    if (nowMs < nextMs) return
    nextMs = nowMs + emitIntervalMs
    const { closedMs } = progress
    if (closeMs < 0 || closeMs <= closedMs) return
    if (boundaryOf !== undefined && closedMs >= 0 && boundaryOf(closedMs) === boundaryOf(closeMs)) {
      return
    }
    for (const [key, newValue] of closedBetween(closedMs, closeMs)) {
      const change: Change = { newValue, oldValue: null }
      emit(key, change, timestampOf(key), headers)
    }
    progress.closedMs = closeMs
  }
}
