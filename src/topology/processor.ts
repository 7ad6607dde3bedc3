import type { StreamsError } from '../core/errors.ts'
import type { Headers, RawRecord, StreamRecord } from '../core/record.ts'
import type { RecordMeta } from '../core/record-meta.ts'
import type { KeyValueStore, ReadOnlyKeyValueStore } from '../state/store.ts'
import type { DueTimer, Timer, TimerClock, TimerStore } from '../state/timer-store.ts'
import type { VersionedStore } from '../state/versioned-store.ts'
import type { SessionStore, WindowStore } from '../state/window-store.ts'

/**
 * How records move between the steps of a task: positional arguments, no object per record. Keys
 * and values are untyped here; the DSL has checked them.
 */
export type Emit = (key: unknown, value: unknown, timestampMs: number, headers: Headers) => void

/** What flows out of a table: the update with what it replaced. Null is an absent value. */
export interface Change<out V = unknown> {
  readonly newValue: V | null
  readonly oldValue: V | null
  /** A versioned table has a later version of the row, which stays what it is. */
  readonly isLate?: true
}

/** Which time a scheduled callback goes by: that of the records, or that of the wall clock. */
export type PunctuationType = 'stream-time' | 'wall-clock'

/** What was scheduled, to be taken back. */
export interface Cancellable {
  /** It is not called any more. */
  readonly cancel: () => void
}

/** Records that have waited in a store of a step, on their way again. */
export interface Waited {
  /** As they were read, at least one; asked for where one has failed or waits again. */
  readonly records: () => readonly RawRecord[]
  /** Where the last one was read, which is where `meta` says that we are. */
  readonly at: Pick<RawRecord, 'topic' | 'partition' | 'offset'>
  /** How often they were tried, this time included. */
  readonly attempts: number
  /** Undefined: they have not failed so far. */
  readonly firstFailedAtMs: number | undefined
}

/** What a step is given by its task. */
export interface OperatorContext {
  readonly nodeName: string
  readonly taskId: string
  /** The task's one meta; call `meta.at(…)` before handing it to a callback. */
  readonly meta: RecordMeta
  /** To the steps that follow. */
  readonly emit: Emit
  /** To the steps that follow a named output (a branch, a side output). */
  readonly emitTo: (output: string) => Emit
  /** A store that this node declared; a window or session store has its own words too. */
  readonly store: <K, V>(name: string) => KeyValueStore<K, V>
  /** A global store, whose writes throw; undefined where the topology has none of that name. */
  readonly globalStore: <K, V>(name: string) => KeyValueStore<K, V> | undefined
  /** The largest record timestamp the task has seen; -1 before the first record. */
  readonly streamTimeMs: () => number
  readonly wallClockMs: () => number
  /** The callback gets the time that came due (stream time or wall clock, milliseconds). */
  readonly schedule: (
    intervalMs: number,
    type: PunctuationType,
    callback: (timestampMs: number) => void,
  ) => Cancellable
  /**
   * A timer store that this node declared, whose timers are fired by the task: one after the other
   * and never inside `process`. A timer that fires is in the store no more.
   */
  readonly timers: <K>(store: string, onTimer: (timer: DueTimer<K>) => void) => TimerStore<K>
  /**
   * What is being processed, as it was read; none inside a timer or punctuation, or for an update
   * that has left a cache. Copy what you keep.
   */
  readonly sources: () => readonly RawRecord[]
  /**
   * Goes on with records that have waited, as though they had just been read: where the work
   * throws, the topology's policy decides about them.
   */
  readonly resume: (waited: Waited, work: () => void) => void
  /**
   * For what ends outside of the task's turns: returns what is to be given, once, the rest of the
   * work, which is then done in a turn. It is never done when the task has closed meanwhile.
   */
  readonly later: () => (work: () => void) => void
  /** The task takes no more records until what it returns is called; timers fire all the same. */
  readonly holdInput: () => () => void
  /**
   * Calls back now and then while the task has nothing to read, with the wall-clock time until
   * which that is known. True: the step did something, which has to be committed.
   */
  readonly whileIdle: (callback: (untilMs: number) => boolean) => void
  /**
   * The least wall-clock time between two looks for closed windows, where a look costs something.
   */
  readonly closeIntervalMs: number
  /** Asks for a commit soon. */
  readonly requestCommit: () => void
  /**
   * Counts a record that was left out on purpose, as Kafka Streams' dropped-records metric does.
   * `late`: what it belonged to was closed already, which is counted beside.
   */
  readonly recordDropped: (reason: string, kind?: 'late') => void
  /** Counts a record that failed and will be tried again. */
  readonly recordRetried: () => void
  /** Counts a record that came over its rate limit, whatever becomes of it. */
  readonly recordLimited: () => void
  /**
   * Sets the record that is being processed aside in the topology's dead letters, and goes on. An
   * update that has left a cache is no record: it is left out.
   */
  readonly deadLetter: (error: StreamsError) => void
}

/** A step at work in one task: sees records, its stores and its context; no Kafka. */
export interface Operator {
  readonly process: Emit
  /** When caches have been flushed for a commit: what is put here belongs to it. Sends nothing. */
  readonly beforeCommit?: () => void
  /** After the last record; stores are still open. */
  readonly close?: () => void
}

export type OperatorFactory = (context: OperatorContext) => Operator

/** The public processor API, as in Kafka Streams (KIP-478). */
export interface Processor<in KIn, in VIn, KOut, VOut> {
  /** Before the first record of a task; the place to schedule callbacks. */
  readonly init?: (context: ProcessorContext<KOut, VOut>) => void
  /** Each record of the task, one after the other. */
  readonly process: (record: StreamRecord<KIn, VIn>, context: ProcessorContext<KOut, VOut>) => void
  /**
   * A timer that was set came due. Never while a record is processed; the timer's key is the
   * current one.
   */
  readonly onTimer?: (timer: Timer<KIn>, context: ProcessorContext<KOut, VOut>) => void
  /** When the task ends here. Stores may still be read. */
  readonly close?: () => void
}

/** Durable timers of the current key: the record's, or the timer's inside `onTimer`. */
export interface KeyTimers {
  /**
   * Fires `onTimer` when stream time, or the wall clock, is at `atMs` or past it; at once if it is
   * already, but never before the current call has returned. The same name, time and clock again
   * are the same timer.
   */
  readonly set: (name: string, atMs: number, clock: TimerClock) => void
  /** Every timer of the current key with this name. */
  readonly cancel: (name: string) => void
}

/** What a processor can do: forward, keep, wait, look at the time. */
export interface ProcessorContext<in KOut, in VOut> {
  /** Headers of the record being processed are kept where the forwarded one has none of its own. */
  readonly forward: (record: ForwardedRecord<KOut, VOut>) => void
  /** To the stream that `sideOutput(tag)` of what `process` returns gives. */
  readonly sideOutput: <K, V>(tag: SideOutput<K, V>, record: ForwardedRecord<K, V>) => void
  /** One that the step declared, or a global one, which refuses to be written. */
  readonly store: <K, V>(name: string) => KeyValueStore<K, V>
  /** One that every thread keeps of a topic; it need not be declared. */
  readonly globalStore: <K, V>(name: string) => ReadOnlyKeyValueStore<K, V>
  /** A store of windows that the step declared. */
  readonly windowStore: <K, V>(name: string) => WindowStore<K, V>
  /** A store of sessions that the step declared. */
  readonly sessionStore: <K, V>(name: string) => SessionStore<K, V>
  /** A versioned store that the step declared. */
  readonly versionedStore: <K, V>(name: string) => VersionedStore<K, V>
  /** Calls back every so often. Not durable: a task that moves schedules anew in `init`. */
  readonly schedule: (
    interval: import('../core/duration.ts').Duration,
    type: PunctuationType,
    callback: (timestampMs: number) => void,
  ) => Cancellable
  /** Needs a store for them: `process(…, { name, timers: 'reminders' })`. */
  readonly timers: KeyTimers
  /** Asks for a commit soon. */
  readonly commit: () => void
  readonly streamTimeMs: number
  readonly wallClockMs: number
  readonly taskId: string
  /** Where the record being processed was read; undefined inside a punctuation or a timer. */
  readonly record:
    { readonly topic: string; readonly partition: number; readonly offset: number } | undefined
}

/** A record for the next steps; time and headers are those of the record at hand by default. */
export interface ForwardedRecord<out K, out V> {
  readonly key: K
  readonly value: V
  readonly timestampMs?: number
  readonly headers?: Headers
}

/** A typed name of a second output. */
export interface SideOutput<in out K, in out V> {
  readonly name: string
  readonly '~types'?: { readonly key: K; readonly value: V }
}
