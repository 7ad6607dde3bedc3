import { durationMs, type Duration } from '../core/duration.ts'
import { StreamsError } from '../core/errors.ts'
import { noHeaders, type Headers } from '../core/record.ts'
import type { KeyValueStore, ReadOnlyKeyValueStore } from '../state/store.ts'
import type { Timer, TimerStore } from '../state/timer-store.ts'
import type { VersionedStore } from '../state/versioned-store.ts'
import type { SessionStore, WindowStore } from '../state/window-store.ts'
import type { FixedKeyForwardedRecord } from '../topology/fixed-key-processor.ts'
import type {
  Cancellable,
  Emit,
  ForwardedRecord,
  KeyTimers,
  OperatorContext,
  ProcessorContext,
  PunctuationType,
  SideOutput,
} from '../topology/processor.ts'

/**
 * What a process step declared. Outputs are read when a task starts: a side output may come later.
 */
export interface ProcessDeclaration {
  readonly stores: readonly string[]
  readonly outputs: readonly string[]
  /** Where it keeps its durable timers; undefined where it has none. */
  readonly timers: string | undefined
}

/** What is being looked at: a record or a timer, or a punctuation, which has no key. */
interface Occasion {
  readonly key: unknown
  readonly timestampMs: number
  readonly headers: Headers
}

/** What both kinds of processor are given. Its functions may be taken out of it. */
export abstract class NodeContext {
  protected readonly task: OperatorContext
  readonly #declaration: ProcessDeclaration
  readonly #stores = new Map<string, unknown>()
  readonly #outputs = new Map<string, Emit>()
  #occasion: Occasion | undefined
  #timers: TimerStore<unknown> | undefined

  constructor(task: OperatorContext, declaration: ProcessDeclaration) {
    this.task = task
    this.#declaration = declaration
  }

  get nodeName(): string {
    return this.task.nodeName
  }

  get timerStore(): string | undefined {
    return this.#declaration.timers
  }

  get taskId(): string {
    return this.task.taskId
  }

  get streamTimeMs(): number {
    return this.task.streamTimeMs()
  }

  get wallClockMs(): number {
    return this.task.wallClockMs()
  }

  get record(): ProcessorContext<never, never>['record'] {
    const { topic, partition, offset } = this.task.meta
    return topic === '' ? undefined : { topic, partition, offset }
  }

  readonly commit = (): void => this.task.requestCommit()

  readonly store = <K, V>(name: string): KeyValueStore<K, V> => {
    let store = this.#stores.get(name)
    if (store === undefined) {
      store = this.#declaration.stores.includes(name)
        ? this.task.store<K, V>(name)
        : this.task.globalStore<K, V>(name)
      if (store === undefined) {
        throw new StreamsError('STORE_MISSING', {
          message: `node "${this.task.nodeName}" did not declare store "${name}"`,
          hint: `Declare it with the step: process(…, { name, stores: ['${name}'] }).`,
        })
      }
      this.#stores.set(name, store)
    }
    return store as KeyValueStore<K, V>
  }

  readonly globalStore = <K, V>(name: string): ReadOnlyKeyValueStore<K, V> => {
    const store = this.task.globalStore<K, V>(name)
    if (store !== undefined) return store
    throw new StreamsError('STORE_MISSING', {
      message: `the topology has no global store "${name}", which node "${this.task.nodeName}" asks for`,
      hint: 'Make one with builder.globalTable or builder.addGlobalStore.',
    })
  }

  readonly windowStore = <K, V>(name: string): WindowStore<K, V> =>
    this.#ofKind<WindowStore<K, V>>(name, 'window', 'fetchAll')

  readonly sessionStore = <K, V>(name: string): SessionStore<K, V> =>
    this.#ofKind<SessionStore<K, V>>(name, 'session', 'findSessions')

  readonly versionedStore = <K, V>(name: string): VersionedStore<K, V> =>
    this.#ofKind<VersionedStore<K, V>>(name, 'versioned', 'versions')

  #ofKind<S extends object>(name: string, kind: string, word: keyof S): S {
    const store = this.store(name) as unknown as S
    if (word in store) return store
    throw new StreamsError('STORE_MISSING', {
      message: `store "${name}" of node "${this.task.nodeName}" is no ${kind} store`,
      hint: `Declare it with ${kind}Store(…), or ask for it by what it is.`,
    })
  }

  readonly sideOutput = <K, V>(tag: SideOutput<K, V>, record: ForwardedRecord<K, V>): void => {
    const { timestampMs, headers } = this.occasion()
    if (!this.#declaration.outputs.includes(tag.name)) {
      this.task.recordDropped(`nobody reads side output "${tag.name}"`)
      return
    }
    let emit = this.#outputs.get(tag.name)
    if (emit === undefined) {
      emit = this.task.emitTo(tag.name)
      this.#outputs.set(tag.name, emit)
    }
    const givenMs = this.timeOf(record, timestampMs)
    emit(record.key, record.value, givenMs, record.headers ?? headers)
    this.show()
  }

  /** Kafka has no place for a time before 1970. */
  protected timeOf({ timestampMs }: { readonly timestampMs?: number }, ownMs: number): number {
    if (timestampMs === undefined) return ownMs
    if (Number.isSafeInteger(timestampMs) && timestampMs >= 0) return timestampMs
    throw new StreamsError('PROCESSING_FAILED', {
      message: `node "${this.task.nodeName}" forwards a record with ${timestampMs} as its timestamp`,
      hint: "Give whole milliseconds since 1970, or none for the record's own.",
    })
  }

  readonly schedule = (
    interval: Duration,
    type: PunctuationType,
    callback: (timestampMs: number) => void,
  ): Cancellable => {
    const intervalMs = durationMs(interval)
    if (intervalMs < 1) {
      throw new StreamsError('INVALID_CONFIG', {
        message: `node "${this.task.nodeName}" schedules a punctuation every ${interval}`,
        hint: "Use an interval of at least '1ms'.",
      })
    }
    return this.task.schedule(intervalMs, type, (timestampMs) => {
      const outer = this.enter({ key: undefined, timestampMs, headers: noHeaders })
      try {
        callback(timestampMs)
      } finally {
        this.leave(outer)
      }
    })
  }

  readonly timers: KeyTimers = {
    set: (name, atMs, clock) => this.#ownTimers().set(this.#timerKey(), name, atMs, clock),
    cancel: (name) => this.#ownTimers().cancel(this.#timerKey(), name),
  }

  /** What fires its timers; where the step declared a place for them. */
  onTimers(onTimer: (timer: Timer) => void): void {
    const { timers } = this.#declaration
    if (timers === undefined) return
    this.#timers = this.task.timers<unknown>(timers, ({ key, name, atMs, clock }) => {
      const outer = this.enter({ key, timestampMs: atMs, headers: noHeaders })
      try {
        onTimer({ key, name, atMs, clock })
      } finally {
        this.leave(outer)
      }
    })
  }

  #ownTimers(): TimerStore<unknown> {
    if (this.#timers !== undefined) return this.#timers
    throw new StreamsError('STORE_MISSING', {
      message: `node "${this.task.nodeName}" has no store for its timers`,
      hint: "Name one with the step: process(…, { name, timers: 'reminders' }).",
    })
  }

  #timerKey(): unknown {
    const key = this.#occasion?.key
    if (key !== undefined && key !== null) return key
    throw new StreamsError('PROCESSING_FAILED', {
      message: `node "${this.task.nodeName}" sets or cancels a timer where there is no key`,
      hint: 'Timers belong to the key of the record, or of the timer, that is at hand.',
    })
  }

  /** Returns what was being looked at before. */
  enter(occasion: Occasion): Occasion | undefined {
    const outer = this.#occasion
    this.#occasion = occasion
    this.show()
    return outer
  }

  leave(outer: Occasion | undefined): void {
    this.#occasion = outer
    this.show()
  }

  /** A put takes its timestamp from the meta, which steps further on fill with what they see. */
  protected show(): void {
    const occasion = this.#occasion
    if (occasion === undefined) return
    this.task.meta.at(occasion.key, occasion.timestampMs, occasion.headers)
  }

  protected occasion(): Occasion {
    if (this.#occasion === undefined) {
      throw new StreamsError('PROCESSING_FAILED', {
        message: `node "${this.task.nodeName}" forwards a record outside process and punctuations`,
        hint: 'Forward while process, onTimer or a scheduled callback runs, not from init or after an await.',
      })
    }
    return this.#occasion
  }
}

export class FreeKeyContext extends NodeContext {
  readonly forward = (record: ForwardedRecord<unknown, unknown>): void => {
    const { timestampMs, headers } = this.occasion()
    const givenMs = this.timeOf(record, timestampMs)
    this.task.emit(record.key, record.value, givenMs, record.headers ?? headers)
    this.show()
  }
}

export class FixedKeyContext extends NodeContext {
  readonly forward = (record: FixedKeyForwardedRecord<unknown>): void => {
    const { key: current, timestampMs, headers } = this.occasion()
    const key = current === undefined ? record.key : current
    if (key === undefined || (record.key !== undefined && record.key !== key)) {
      throw new StreamsError('PROCESSING_FAILED', {
        message: `node "${this.task.nodeName}" forwards ${key === undefined ? 'no key' : 'another key'} from processValues`,
        hint: 'Leave the key out of what you forward, or use process to change it.',
      })
    }
    const givenMs = this.timeOf(record, timestampMs)
    this.task.emit(key, record.value, givenMs, record.headers ?? headers)
    this.show()
  }
}
