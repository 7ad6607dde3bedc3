import { noHeaders, type Headers } from '../../core/record.ts'
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

export interface Closed {
  /** While a record is processed: looks for closed windows, if the wall clock says so. */
  readonly onRecord: (closeMs: number, headers: Headers) => void
  /** Without a record: closes only if there is a window to close; true where there was. */
  readonly until: (closeMs: number) => boolean
}

/** Sends on what closed windows came to, once, as the close moves on (Kafka Streams' KIP-825). */
export function closing<K, A>(
  { emit, wallClockMs }: OperatorContext,
  { progress, emitIntervalMs, closedBetween, boundaryOf, timestampOf }: Closing<K, A>,
): Closed {
  let nextMs = 0
  const mayClose = (closeMs: number): boolean => {
    const { closedMs } = progress
    if (closeMs < 0 || closeMs <= closedMs) return false
    return boundaryOf === undefined || closedMs < 0 || boundaryOf(closedMs) !== boundaryOf(closeMs)
  }
  const emitUntil = (closeMs: number, headers: Headers): boolean => {
    let any = false
    for (const [key, newValue] of closedBetween(progress.closedMs, closeMs)) {
      const change: Change = { newValue, oldValue: null }
      emit(key, change, timestampOf(key), headers)
      any = true
    }
    return any
  }
  const onRecord = (closeMs: number, headers: Headers): void => {
    const nowMs = wallClockMs()
    if (nowMs < nextMs) return
    nextMs = nowMs + emitIntervalMs
    if (!mayClose(closeMs)) return
    emitUntil(closeMs, headers)
    progress.closedMs = closeMs
  }
  const until = (closeMs: number): boolean => {
    if (!mayClose(closeMs) || !emitUntil(closeMs, noHeaders)) return false
    progress.closedMs = closeMs
    return true
  }
  return { onRecord, until }
}
