import type { Headers, StreamRecord } from '../core/record.ts'
import type { Timer } from '../state/timer-store.ts'
import type { ProcessorContext } from './processor.ts'

/**
 * A processor that cannot change the key, so that what follows needs no repartition (KIP-478's
 * FixedKeyProcessor).
 */
export interface FixedKeyProcessor<in K, in VIn, VOut> {
  /** Before the first record of a task; the place to schedule callbacks. */
  readonly init?: (context: FixedKeyProcessorContext<VOut>) => void
  /** Each record of the task, one after the other. */
  readonly process: (record: StreamRecord<K, VIn>, context: FixedKeyProcessorContext<VOut>) => void
  /** A timer that was set came due; its key is the current one. */
  readonly onTimer?: (timer: Timer<K>, context: FixedKeyProcessorContext<VOut>) => void
  /** When the task ends here. */
  readonly close?: () => void
}

/** As {@link ProcessorContext}, but the key stays what it is. */
export interface FixedKeyProcessorContext<in VOut> extends Omit<
  ProcessorContext<never, VOut>,
  'forward'
> {
  /** To the next steps, under the current key. */
  readonly forward: (record: FixedKeyForwardedRecord<VOut>) => void
}

/** A record for the next steps, whose key is the current one. */
export interface FixedKeyForwardedRecord<out V> {
  /**
   * The key of the record or timer at hand where none is given; another one is refused. Inside a
   * punctuation there is none: give one that this task's partition holds, such as a store's.
   */
  readonly key?: unknown
  readonly value: V
  readonly timestampMs?: number
  readonly headers?: Headers
}
