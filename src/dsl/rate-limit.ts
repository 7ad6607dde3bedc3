import { durationMs, type Duration } from '../core/duration.ts'
import { overflowOutput, rateLimit, type RateLimit } from '../operators/rate-limit/rate-limit.ts'
import { tokenBucket } from '../operators/rate-limit/token-bucket.ts'
import type { TimerClock } from '../topology/timer-store.ts'
import type { ProcessorDraft } from '../topology/graph-builder.ts'
import { invalidTopology } from '../topology/invalid-topology.ts'
import { keyValueStore } from '../topology/key-value-store.ts'
import type { SerdeFor } from '../topology/serde-for.ts'
import { addStep, unknownKey, type Flow } from './flow.ts'
import { waitingStoreFor } from './retry.ts'
import type { Stream } from './stream.ts'

/** What happens to a record for which the limit of its key has no room. */
export type Overflow = 'delay' | 'block' | 'drop' | 'side-output'

/** How many records of a key may pass in a time, and what is done with the others. */
export interface RateLimitOptions<in V = unknown> {
  /** Of the step and its store; where the key was changed, of the topic in between too. */
  readonly name: string
  /** How many records of each key may pass in the time of `per`, over time. */
  readonly records: number
  readonly per: Duration
  /** How many may pass at once after a pause; as many as `records` by default. */
  readonly burst?: number
  /**
   * - `delay`: it waits in a store until there is room, in the order of its key.
   * - `block`: it waits, and so does everything behind it: the input stands still.
   * - `drop`: it is left out (counted as dropped).
   * - `side-output`: it goes to `.overflow`.
   */
  readonly overflow: Overflow
  /**
   * `wall-clock`, the default, protects what comes after. `event-time` gives the same answer when
   * records are processed again: time is that of the records, so it stands still without any.
   */
  readonly clock?: TimerClock
  /** How many records of a key may wait, 10,000 by default; one more has failed (`QUEUE_FULL`). */
  readonly limit?: number
  /** How values are written while they wait; as the stream's, or else as JSON. */
  readonly value?: SerdeFor<V>
}

/** The records within the limit. */
export type RateLimited<K, V, S = NonNullable<K>> = Stream<K, V, S> & {
  /** The records over it. */
  readonly overflow: Stream<K, V, S>
}

const WAITING_MAX = 10_000

export function rateLimitFlow<K, V, S>(
  flowTo: (name: string) => Flow,
  options: RateLimitOptions<never>,
): RateLimited<K, V, S> {
  const { name, records, overflow, clock = 'wall-clock' } = options
  const perMs = check(options)
  const flow = flowTo(name)
  if (flow.key === undefined) throw unknownKey(`store "${name}"`)
  flow.graph.addStore(keyValueStore(name, { key: flow.key, value: tokenBucket }) as never)
  const room = overflow === 'delay' || overflow === 'block' ? roomOf(flow, options) : undefined
  const limit = { store: name, records, perMs, burst: options.burst ?? records, clock, room }
  const draft: ProcessorDraft = addStep(flow, {
    operator: 'rate-limit',
    name: `rate-limit(${name})`,
    stores: room === undefined ? [name] : [name, room.store],
    create: (context) => {
      const isRead = draft.outputs.includes(overflowOutput)
      return rateLimit({
        ...limit,
        overflow: overflow !== 'side-output' || isRead ? overflow : 'drop',
      })(context)
    },
  })
  const output = (from: string | undefined): Flow => {
    if (from !== undefined && !draft.outputs.includes(from)) draft.outputs.push(from)
    return { ...flow, from: { node: draft.name, output: from } }
  }
  const within = flow.words.stream<K, V, S>(output(undefined))
  if (overflow !== 'side-output') return within as RateLimited<K, V, S>
  return Object.defineProperty(within, 'overflow', {
    get: () => flow.words.stream(output(overflowOutput)),
  }) as RateLimited<K, V, S>
}

function roomOf(flow: Flow, options: RateLimitOptions<never>): NonNullable<RateLimit['room']> {
  const { name, limit = WAITING_MAX } = options
  const store = `${name}-waiting`
  const place = { step: name, word: 'rateLimit', store }
  const { key, waiting } = waitingStoreFor(flow, place, options)
  return { store, key, value: waiting, limit }
}

/** Returns the length of the period. */
function check(options: RateLimitOptions<never>): number {
  const { name, records, burst, overflow, clock, limit } = options
  const refuse = (what: string, hint: string): never => {
    throw invalidTopology(`rate limit "${name}" ${what}`, hint)
  }
  const isCount = (count: number | undefined): boolean =>
    count === undefined || (Number.isSafeInteger(count) && count >= 1)
  if (name === undefined) {
    throw invalidTopology(
      'a rate limit has no name',
      "Name the place where it keeps what is left of it: { name: 'reservations', … }.",
    )
  }
  if (records === undefined || !isCount(records)) {
    refuse(`lets ${records} records pass`, 'Give a whole number from 1.')
  }
  if (!isCount(burst)) refuse(`has a burst of ${burst}`, 'Give a whole number from 1.')
  if (!isCount(limit)) refuse(`lets ${limit} records wait`, 'Give a whole number from 1.')
  const perMs = durationMs(options.per)
  if (perMs < 1) refuse(`is per ${options.per}`, "Use a period of at least '1ms'.")
  if (!['delay', 'block', 'drop', 'side-output'].includes(overflow)) {
    refuse(
      'does not say what happens to a record over it',
      "Choose: overflow: 'delay', 'block', 'drop' or 'side-output'.",
    )
  }
  if (overflow === 'block' && clock === 'event-time') {
    refuse(
      'would wait for records while it lets none in',
      "With overflow: 'block' use the wall clock, or 'delay' with event time.",
    )
  }
  return perMs
}
