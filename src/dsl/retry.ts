import type { Backoff } from '../operators/retry/backoff.ts'
import type { RetryPolicy } from '../operators/retry/retry-policy.ts'
import { retrying } from '../operators/retry/retrying.ts'
import { json } from '../serde/json.ts'
import { nullable } from '../serde/nullable.ts'
import { invalidTopology } from '../topology/invalid-topology.ts'
import type { OperatorFactory } from '../topology/processor.ts'
import type { SerdeFor } from '../topology/serde-for.ts'
import { waitingStore, type TimerStoreSpec } from '../topology/timer-store.ts'
import { unknownKey, type AnySerde, type Flow, type Step } from './flow.ts'

/** When a step tries a record again that it failed on. */
export interface RetryOptions<in K = unknown, in V = unknown> {
  /** How often a record is tried in all, the first time included. */
  readonly attempts: number
  /** How long it waits in between: `exponential('1s', '30s')` or `fixed('1s')`. */
  readonly backoff: Backoff
  /** False for an error that no further attempt can help; all may be helped by default. */
  readonly when?: (error: unknown) => boolean
  /**
   * `key`, the default: later records of the same key wait behind one that waits. `skip`: they pass
   * it, and the order of the key is lost. Other keys always go on.
   */
  readonly order?: 'key' | 'skip'
  /** How many records of a key may wait, 10,000 by default; one more has failed (`QUEUE_FULL`). */
  readonly limit?: number
  /** How keys are written, where a step before has changed them. */
  readonly key?: SerdeFor<K>
  /** How the values that the step is given are written; as the stream's, or else as JSON. */
  readonly value?: SerdeFor<V>
}

/** For a step that has a name. */
export interface NamedStepOptions<in K = unknown, in V = unknown> {
  /** In descriptions, errors and dead letters; unique. Where the step retries, of its store too. */
  readonly name: string
  readonly retry?: RetryOptions<K, V>
}

const WAITING_MAX = 10_000

/** A step as its options say: with a name of its own, and tried again where it fails. */
export function stepOf(
  flow: Flow,
  step: Step,
  options: NamedStepOptions<never, never> | undefined,
): Step {
  if (options === undefined) return step
  const { name, retry } = options
  if (name === undefined) {
    throw invalidTopology(
      `a ${step.operator} step is given options without a name`,
      "Name it: { name: 'charge', … }; where it retries, its store is called after it.",
    )
  }
  if (retry === undefined) return { ...step, name }
  const retried = retriedStep(flow, name, retry)
  const stores = [...(step.stores ?? []), retried.store]
  return { ...step, name, stores, create: retried.create(step.create) }
}

export interface RetriedStep {
  readonly create: (step: OperatorFactory) => OperatorFactory
  readonly store: string
}

/** Declares the store in which records wait, and says how the step is wrapped. */
export function retriedStep(
  flow: Flow,
  step: string,
  options: RetryOptions<never, never>,
): RetriedStep {
  const { order = 'key', limit = WAITING_MAX } = options
  checkRetry(step, options)
  const store = `${step}-retry`
  const { key, waiting } = waitingStoreFor(flow, { step, word: 'retry', store }, options)
  const room = { store, key, value: waiting, limit }
  const policy = { ...retryPolicy(options), order, room }
  return { create: (inner) => retrying(inner, policy), store }
}

interface Serdes {
  readonly key?: SerdeFor<never>
  readonly value?: SerdeFor<never>
}

/** The store of a step in which records wait by their key as it is; null is a key of its own. */
export function waitingStoreFor(
  flow: Flow,
  { step, word, store }: { readonly step: string; readonly word: string; readonly store: string },
  serdes: Serdes,
): TimerStoreSpec & { readonly waiting: AnySerde } {
  const key = (serdes.key as AnySerde | undefined) ?? (flow.rekeyed ? undefined : flow.key)
  if (key === undefined && flow.rekeyed) {
    throw invalidTopology(
      `step "${step}" keeps records by a key that was changed before it`,
      `Say how such keys are written: ${word}: { key: string, … }.`,
    )
  }
  if (key === undefined) throw unknownKey(`store "${store}"`)
  const value = (serdes.value as AnySerde | undefined) ?? flow.value ?? json<unknown>()
  const spec = waitingStore(store, { key: nullable(key), value })
  flow.graph.addStore(spec)
  return spec as TimerStoreSpec & { readonly waiting: AnySerde }
}

export const retryPolicy = ({
  attempts,
  backoff,
  when = () => true,
}: RetryOptions<never, never>): RetryPolicy => ({ attempts, backoff, when })

export function checkRetry(
  step: string,
  { attempts, backoff, order, limit }: RetryOptions<never, never>,
): void {
  const isCount = (count: number): boolean => Number.isInteger(count) && count >= 1
  if (!isCount(attempts)) {
    throw invalidTopology(
      `step "${step}" is to be tried ${attempts} times`,
      'Give the number of attempts, the first one included: a whole number from 1.',
    )
  }
  if (typeof backoff?.delayMs !== 'function') {
    throw invalidTopology(
      `step "${step}" retries without a backoff`,
      "Say how long a record waits: backoff: exponential('1s', '30s') or fixed('1s').",
    )
  }
  if (order !== undefined && order !== 'key' && order !== 'skip') {
    throw invalidTopology(
      `step "${step}" retries in the order "${String(order)}"`,
      "Use 'key', where later records of a key wait, or 'skip', where they pass.",
    )
  }
  if (limit !== undefined && !isCount(limit)) {
    throw invalidTopology(
      `step "${step}" lets ${limit} records of a key wait`,
      'Give a whole number from 1.',
    )
  }
}
