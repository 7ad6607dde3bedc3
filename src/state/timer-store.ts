import type { KeyValueStore } from './store.ts'

/** What a timer waits for: stream time, which moves by records, or the time of day. */
export type TimerClock = 'event-time' | 'wall-clock'

/** A point in time that a key waits for. */
export interface Timer<out K = unknown> {
  readonly key: K
  readonly name: string
  readonly atMs: number
  readonly clock: TimerClock
}

/** A timer that came due, and what was set with it. */
export interface DueTimer<out K> extends Timer<K> {
  /** The key as the store's serde wrote it. */
  readonly keyBytes: Uint8Array
  readonly payload: Uint8Array
}

/** Something that waits in a key's queue, without a time of its own. */
export interface Queued {
  /** Its place: texts that sort in the order of the queue. */
  readonly place: string
  readonly payload: Uint8Array
}

/** What a query sees of a key. */
export type KeyTimer = Omit<Timer, 'key'>

/**
 * Timers by key and by time, and a queue for each key. Durable as any store is; to know what is due
 * costs a comparison, to take it out a range read for some hundreds of timers, however many wait.
 *
 * To queries it is a store of each key's timers.
 */
export interface TimerStore<in out K> extends KeyValueStore<K, readonly KeyTimer[]> {
  /** When the earliest timer is due; Infinity where there is none. */
  readonly nextMs: (clock: TimerClock) => number
  /**
   * Takes out the earliest timer, if it is due by then: by time, then by the bytes of key and name.
   */
  readonly take: (clock: TimerClock, untilMs: number) => DueTimer<K> | undefined
  /**
   * The same key, name, time and clock again are the same timer, which then has the new payload.
   * The time is rounded up to whole milliseconds from 0.
   */
  readonly set: (
    key: K,
    name: string,
    atMs: number,
    clock: TimerClock,
    payload?: Uint8Array,
  ) => void
  /** All timers of the key with this name, by either clock. */
  readonly cancel: (key: K, name: string) => void
  /** A timer that is known to be there. */
  readonly unset: (key: K, name: string, atMs: number, clock: TimerClock) => void
  /** The timers at that time or later, earliest first, which stay. */
  readonly from: (clock: TimerClock, fromMs: number) => IterableIterator<DueTimer<K>>
  /** Puts at the end of the key's queue; returns the place. */
  readonly append: (key: K, payload: Uint8Array) => string
  /** The key's queue from its head. */
  readonly queue: (key: K) => IterableIterator<Queued>
  /** The queues of all keys, one after the other. */
  readonly queues: () => IterableIterator<readonly [key: K, queued: Queued]>
  /** Takes out of the key's queue what the queue has given. */
  readonly remove: (key: K, place: string) => void
  /** How many timers the key has, and places in its queue. */
  readonly count: (key: K) => number
  /** A text that sorts after all that it has given, also before a restart. */
  readonly nextPlace: () => string
}
