import type { StreamRecord } from '../core/record.ts'
import type { KeyValueStore, ReadOnlyKeyValueStore } from '../state/store.ts'
import type { Operator, OperatorContext, ProcessorContext } from './processor.ts'

/**
 * What keeps a global store, where the rows are not simply the records of its topic. It runs once
 * in every thread, on every record, and decides what to put.
 */
export interface GlobalProcessor<in K, in V> {
  /** Before the first record, once in each thread. */
  readonly init?: (context: GlobalProcessorContext) => void
  /** Each record of the topic; what it puts is the store. */
  readonly process: (record: StreamRecord<K, V>, context: GlobalProcessorContext) => void
  /** When the thread ends. */
  readonly close?: () => void
}

/**
 * There is nothing to forward to and nothing to commit, and no stream time: records of a global
 * topic are read as they come.
 */
export interface GlobalProcessorContext {
  /** The store that it keeps. */
  readonly store: <K, V>(name: string) => KeyValueStore<K, V>
  /** Any global store, to be read only. */
  readonly globalStore: <K, V>(name: string) => ReadOnlyKeyValueStore<K, V>
  readonly wallClockMs: number
  /** Where the record being processed was read; undefined in `init`. */
  readonly record: ProcessorContext<never, never>['record']
}

/** What the step behind a global store is given: it has no output, no task and no commit. */
export type GlobalStepContext = Pick<
  OperatorContext,
  'nodeName' | 'meta' | 'store' | 'globalStore' | 'wallClockMs' | 'recordDropped'
>

/** Makes the step of one thread. */
export type GlobalStepFactory = (context: GlobalStepContext) => Operator
