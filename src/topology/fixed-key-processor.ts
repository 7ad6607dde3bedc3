import type { Headers, StreamRecord } from '../core/record.ts'
import type { ProcessorContext } from './processor.ts'

/**
 * A processor that cannot change the key, so that what follows needs no repartition (KIP-478's
 * FixedKeyProcessor).
 */
export interface FixedKeyProcessor<K, in VIn, VOut> {
  readonly init?: (context: FixedKeyProcessorContext<K, VOut>) => void
  readonly process: (
    record: StreamRecord<K, VIn>,
    context: FixedKeyProcessorContext<K, VOut>,
  ) => void
  readonly close?: () => void
}

export interface FixedKeyProcessorContext<in K, in VOut> extends Omit<
  ProcessorContext<K, VOut>,
  'forward'
> {
  readonly forward: (record: FixedKeyForwardedRecord<K, VOut>) => void
}

export interface FixedKeyForwardedRecord<out K, out V> {
  /**
   * The key of the record being processed where none is given; another one is refused. Inside a
   * punctuation there is none: give one that this task's partition holds, such as a store's.
   */
  readonly key?: K
  readonly value: V
  readonly timestampMs?: number
  readonly headers?: Headers
}
