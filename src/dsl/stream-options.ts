import type { Duration } from '../core/duration.ts'
import type { FailurePolicy, TimestampExtractor } from '../topology/graph.ts'
import type { TimerStoreSpecFor } from '../topology/timer-store.ts'
import type { SerdeFor } from '../topology/serde-for.ts'
import type { RetryOptions } from './retry.ts'
import type { AnyTableStoreOption } from '../topology/versioned-store.ts'

/** How a topic is read: which time counts, where to begin, what to do with what cannot be read. */
export interface SourceOptions<K, V> {
  /**
   * Milliseconds since the epoch, from the record; its own timestamp where none is given. There are
   * ready-made ones: see {@link timestamps}.
   */
  readonly timestamp?: TimestampExtractor<K, V>
  /** Where to begin when the group has no position: `earliest` by default; `by`: that long ago. */
  readonly reset?: 'earliest' | 'latest' | 'none' | { readonly by: Duration }
  /** For records that cannot be read; the topology's `onFailure` by default. */
  readonly onBadRecord?: FailurePolicy
}

/** Serdes for records on their way through an internal topic; those of the stream by default. */
export interface GroupOptions<K, V> {
  readonly key?: SerdeFor<NonNullable<K>>
  readonly value?: SerdeFor<NonNullable<V>>
}

/** A global topic is always read from its beginning, and outside of any transaction. */
export interface GlobalSourceOptions<K, V> extends Pick<SourceOptions<K, V>, 'timestamp'> {
  /**
   * For records that cannot be read. By default `stop` where the topology's `onFailure` says so,
   * else `skip`: they are logged and stay in their topic.
   */
  readonly onBadRecord?: 'skip' | 'stop'
}

export interface RepartitionOptions<K, V> extends GroupOptions<K, V> {
  /** The topic will be `<application id>-<name>-repartition`. */
  readonly name: string
  /** As many as the largest topic that leads here, by default. */
  readonly partitions?: number
}

/** Where in a topic records are written. */
export interface SinkOptions<K, V> {
  /** The partition to write to, from 0; murmur2 of the key's bytes by default, as in Kafka. */
  readonly partition?: (key: K, value: V, partitions: number) => number
}

/** What a processor is called, and the stores that it uses. */
export interface ProcessOptions<K = unknown, V = unknown> {
  /** The step's name in descriptions, errors and dead letters; unique. */
  readonly name: string
  /** Stores that the processor uses: declared with `addStateStore`, or declared here. */
  readonly stores?: readonly AnyTableStoreOption[]
  /**
   * Where it keeps its durable timers: a name, or a store with settings of its own. A step that has
   * an `onTimer` needs one, for itself alone.
   */
  readonly timers?: string | TimerStoreSpecFor<NonNullable<K>>
  /**
   * Tries a record again that `process` failed on; what it had forwarded by then is not sent, what
   * it had put stays put. Its timers and scheduled callbacks are not tried again.
   */
  readonly retry?: RetryOptions<NonNullable<K>, NonNullable<V>>
}
