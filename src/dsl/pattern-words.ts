import type { Decider } from '../operators/decide.ts'
import type { Serde } from '../serde/serde.ts'
import type { StoreOption } from '../topology/key-value-store.ts'
import type { SerdeFor } from '../topology/serde-for.ts'
import { mapAsync, type AsyncMapper, type AsyncOptions } from './async.ts'
import { bufferByKey, bufferByPartition, type Buffered, type BufferOptions } from './buffer.ts'
import { decideFlow, type Decided } from './decided.ts'
import { dedupeFlow, type Deduped, type DedupeOptions } from './dedupe.ts'
import { detectFlow, type Detected, type DetectOptions } from './detected.ts'
import { erased, keyed, type Flow } from './flow.ts'
import { JoinWords } from './join-words.ts'
import type { PatternOf } from './pattern.ts'
import { rateLimitFlow, type RateLimited, type RateLimitOptions } from './rate-limit.ts'
import type { Stream } from './stream.ts'

/** The words of a stream that Kafka Streams does not have: a pattern each. */
export abstract class PatternWords<out K, out V, in S = NonNullable<K>> extends JoinWords<K, V, S> {
  /**
   * Event sourcing: each command is decided against the state of its key; the events are kept by
   * folding them into that state. A record without a key or a command is left out (counted as
   * dropped). A decider that throws changes nothing.
   */
  decide<State, Event, Reason = never>(
    this: Stream<S | null, V, never>,
    decider: Decider<NonNullable<V>, State, Event, Reason, NonNullable<K>>,
    options: { readonly store: StoreOption<NonNullable<K>, NonNullable<State>> },
  ): Decided<NonNullable<K>, NonNullable<V>, State, Event, Reason, S>
  decide<State, Event, Reason = never, S2 = never>(
    this: Stream<S2 | null, V, never>,
    decider: Decider<NonNullable<V>, State, Event, Reason, NonNullable<K>>,
    options: {
      readonly store: StoreOption<NonNullable<K>, NonNullable<State>>
      readonly key: Serde<S2>
    },
  ): Decided<NonNullable<K>, NonNullable<V>, State, Event, Reason, S2>
  decide<State, Event, Reason>(
    decider: Decider<NonNullable<V>, State, Event, Reason, NonNullable<K>>,
    options: {
      readonly store: StoreOption<NonNullable<K>, NonNullable<State>>
      readonly key?: SerdeFor<NonNullable<K>>
    },
  ): Decided<NonNullable<K>, NonNullable<V>, State, Event, Reason, never> {
    const flow = this['~flow']
    const flowTo = (store: string): Flow => keyed(flow, store, erased({ key: options.key }))
    return decideFlow(flowTo, decider, options?.store)
  }

  /**
   * A new value for each record, from a call that takes time: a database, another service. Records
   * under way are kept in a store, so that a crash loses none; what was under way is called again,
   * with the same `idempotencyKey`. Calls of a key follow one another, those of other keys go on
   * beside them.
   */
  mapValuesAsync<V2>(
    call: AsyncMapper<V, V2, K>,
    options: AsyncOptions<NonNullable<K>, NonNullable<V>>,
  ): Stream<K, V2, S> {
    const flow = mapAsync(this['~flow'], call, options)
    return flow.words.stream(flow)
  }

  /**
   * The first record of each key and id, and no other within a time of it: what a producer sent
   * twice, or a source delivered again. Where the key was changed, records go through a topic named
   * after the store.
   */
  dedupe(this: Stream<S | null, V, never>, options: DedupeOptions<K, V>): Deduped<K, V, S>
  dedupe<S2>(
    this: Stream<S2 | null, V, never>,
    options: DedupeOptions<K, V> & { readonly key: Serde<S2> },
  ): Deduped<K, V, S2>
  dedupe(
    options: DedupeOptions<K, V> & { readonly key?: SerdeFor<NonNullable<K>> },
  ): Deduped<K, V, never> {
    const flow = this['~flow']
    return dedupeFlow((store) => keyed(flow, store, erased({ key: options.key })), options)
  }

  /**
   * Lets so many records of each key pass in a time (a token bucket). A record without a key is
   * left out (counted as dropped). Where the key was changed, records go through a topic called
   * after the name.
   */
  rateLimit(
    this: Stream<S | null, V, never>,
    options: RateLimitOptions<NonNullable<V>> & { readonly overflow: 'side-output' },
  ): RateLimited<NonNullable<K>, V, S>
  rateLimit(
    this: Stream<S | null, V, never>,
    options: RateLimitOptions<NonNullable<V>>,
  ): Stream<NonNullable<K>, V, S>
  rateLimit<S2>(
    this: Stream<S2 | null, V, never>,
    options: RateLimitOptions<NonNullable<V>> & {
      readonly overflow: 'side-output'
      readonly key: Serde<S2>
    },
  ): RateLimited<NonNullable<K>, V, S2>
  rateLimit<S2>(
    this: Stream<S2 | null, V, never>,
    options: RateLimitOptions<NonNullable<V>> & { readonly key: Serde<S2> },
  ): Stream<NonNullable<K>, V, S2>
  rateLimit(
    options: RateLimitOptions<NonNullable<V>> & { readonly key?: SerdeFor<NonNullable<K>> },
  ): Stream<NonNullable<K>, V, never> {
    const flow = this['~flow']
    const flowTo = (name: string): Flow => keyed(flow, name, erased(options))
    return rateLimitFlow(flowTo, options)
  }

  /**
   * Gathers the records of each key, in their order, and sends them on as one whose value is the
   * list of their values. A record without a key is left out (counted as dropped). The batch has
   * the largest timestamp of its records, and no headers. With `by: 'partition'` it gathers all
   * that a task is given, keys included, and the batch has no key.
   */
  buffer(
    this: Stream<S | null, V, never>,
    options: BufferOptions<NonNullable<V>> & { readonly by?: 'key' },
  ): Stream<NonNullable<K>, readonly V[], S>
  buffer<S2>(
    this: Stream<S2 | null, V, never>,
    options: BufferOptions<NonNullable<V>> & { readonly by?: 'key'; readonly key: Serde<S2> },
  ): Stream<NonNullable<K>, readonly V[], S2>
  buffer(
    options: BufferOptions<NonNullable<V>> & {
      readonly by: 'partition'
      readonly key?: SerdeFor<NonNullable<K>>
    },
  ): Stream<null, readonly Buffered<K, V>[], S>
  buffer(
    options: BufferOptions<NonNullable<V>> & {
      readonly by?: 'key' | 'partition'
      readonly key?: SerdeFor<NonNullable<K>>
    },
  ): Stream<unknown, readonly unknown[], never> {
    const flow = this['~flow']
    if (options?.by === 'partition') return flow.words.stream(bufferByPartition(flow, options))
    const flowTo = (name: string): Flow => keyed(flow, name, erased(options))
    return flow.words.stream(bufferByKey(flowTo, options))
  }

  /**
   * Complex event processing: finds the pattern in the events of each key; the pattern's name is
   * that of the store. A record without a key is left out (counted as dropped); one without a value
   * is no event, but moves time.
   */
  detect<Shape>(
    this: Stream<S | null, V, never>,
    pattern: PatternOf<NonNullable<V>, Shape>,
    options?: DetectOptions<V>,
  ): Detected<NonNullable<K>, NonNullable<V>, Shape, S>
  detect<Shape, S2>(
    this: Stream<S2 | null, V, never>,
    pattern: PatternOf<NonNullable<V>, Shape>,
    options: DetectOptions<V> & { readonly key: Serde<S2> },
  ): Detected<NonNullable<K>, NonNullable<V>, Shape, S2>
  detect<Shape>(
    pattern: PatternOf<NonNullable<V>, Shape>,
    options: DetectOptions<V> & { readonly key?: SerdeFor<NonNullable<K>> } = {},
  ): Detected<NonNullable<K>, NonNullable<V>, Shape, never> {
    const flow = this['~flow']
    const flowTo = (store: string): Flow => keyed(flow, store, erased(options))
    return detectFlow(flowTo, pattern, options)
  }
}
