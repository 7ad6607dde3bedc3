import { hasPassed } from '../../core/has-passed.ts'
import { noHeaders, type Headers } from '../../core/record.ts'
import type { Serializer } from '../../serde/serde.ts'
import type { Windowed } from '../../serde/windowed-key.ts'
import type { Progress } from '../../state/window-store.ts'
import type { Change, OperatorContext } from '../../topology/processor.ts'
import { release, type ResultBytes } from '../waiting/released.ts'

interface Closing<K, A> {
  readonly progress: Progress
  /** Of the store. */
  readonly serdes: ResultSerializers
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

export interface ResultSerializers {
  readonly key: Serializer<unknown>
  readonly value: Serializer<unknown>
}

export interface Closed {
  /** While a record is processed: looks for closed windows, if the wall clock says so. */
  readonly onRecord: (closeMs: number, headers: Headers) => void
  /** Without a record: closes only if there is a window to close; true where there was. */
  readonly until: (closeMs: number) => boolean
}

/**
 * Sends on what closed windows came to, once, as the close moves on (Kafka Streams' KIP-825). One
 * that a step behind cannot take is set aside by itself: the others must not come twice, or never.
 */
export function closing<K, A>(
  context: OperatorContext,
  { progress, serdes, emitIntervalMs, closedBetween, boundaryOf, timestampOf }: Closing<K, A>,
): Closed {
  const { emit, meta, wallClockMs } = context
  let lookedMs = -Infinity
  const mayClose = (closeMs: number): boolean => {
    const { closedMs } = progress
    if (closeMs < 0 || closeMs <= closedMs) return false
    return boundaryOf === undefined || closedMs < 0 || boundaryOf(closedMs) !== boundaryOf(closeMs)
  }
  const emitUntil = (closeMs: number, headers: Headers): boolean => {
    let any = false
    for (const [key, newValue] of closedBetween(progress.closedMs, closeMs)) {
      const change: Change = { newValue, oldValue: null }
      const timestampMs = timestampOf(key)
      const bytes = (): ResultBytes => ({
        key: serdes.key.serialize(key),
        value: serdes.value.serialize(newValue),
        timestampMs,
        headers,
      })
      release(context, meta, bytes, () => emit(key, change, timestampMs, headers))
      any = true
    }
    return any
  }
  const onRecord = (closeMs: number, headers: Headers): void => {
    const nowMs = wallClockMs()
    if (!hasPassed(emitIntervalMs, lookedMs, nowMs)) return
    lookedMs = nowMs
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
