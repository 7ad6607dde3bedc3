import type { Headers, StreamRecord } from '../core/record.ts'
import type { Timer } from '../state/timer-store.ts'
import type { ProcessorContext } from './processor.ts'

/**
 * A processor that cannot change the key, so that what follows needs no repartition (KIP-478's
 * FixedKeyProcessor).
 */
export interface FixedKeyProcessor<in K, in VIn, VOut> {
  readonly init?: (context: FixedKeyProcessorContext<VOut>) => void
  readonly process: (record: StreamRecord<K, VIn>, context: FixedKeyProcessorContext<VOut>) => void
  readonly onTimer?: (timer: Timer<K>, context: FixedKeyProcessorContext<VOut>) => void
  readonly close?: () => void
}

export interface FixedKeyProcessorContext<in VOut> extends Omit<
  ProcessorContext<never, VOut>,
  'forward'
> {
  readonly forward: (record: FixedKeyForwardedRecord<VOut>) => void
}

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
