import { durationMs, type Duration } from '../core/duration.ts'
import type { AsyncMeta } from '../operators/async/async-meta.ts'
import { mapValuesAsync, type AsyncMapping } from '../operators/async/map-values-async.ts'
import { invalidTopology } from '../topology/invalid-topology.ts'
import type { SerdeFor } from '../topology/serde-for.ts'
import { after, type Flow } from './flow.ts'
import { checkRetry, retryPolicy, waitingStoreFor, type RetryOptions } from './retry.ts'

/** A call for each record that takes time. */
export type AsyncMapper<in V, out V2, K> = (value: V, meta: AsyncMeta<K>) => Promise<V2>

/** How many calls are made at a time, how long one may take, and what follows when it fails. */
export interface AsyncOptions<in K = unknown, in V = unknown> {
  /** In descriptions, errors and dead letters; its store is called after it. */
  readonly name: string
  /** How many calls a task has under way, 16 by default; then its input waits. */
  readonly concurrency?: number
  /** How long a call may take, `30s` by default; then it has failed. */
  readonly timeout?: Duration
  /**
   * `key`, the default: one call at a time for each key, so that results keep the order of the
   * key's records. `none`: results go on in the order in which they come.
   */
  readonly order?: 'key' | 'none'
  /** When a call that failed is made again; without it the record has failed. */
  readonly retry?: Pick<RetryOptions, 'attempts' | 'backoff' | 'when'>
  /**
   * How many records of a key may wait for those before them, 1,000 by default; then input waits.
   */
  readonly limit?: number
  /** How keys are written, where a step before has changed them. */
  readonly key?: SerdeFor<K>
  /** How the values that the step is given are written; as the stream's, or else as JSON. */
  readonly value?: SerdeFor<V>
}

const CONCURRENCY = 16
const TIMEOUT = '30s'
const WAITING_MAX = 1_000

/** The flow of the results. */
export function mapAsync<K, V, V2>(
  flow: Flow,
  call: AsyncMapper<V, V2, K>,
  options: AsyncOptions<never, never>,
): Flow {
  const { name, order = 'key', retry } = options
  if (name === undefined) {
    throw invalidTopology(
      'mapValuesAsync has no name',
      "Name it: { name: 'reserve-stock' }; its store is called after it.",
    )
  }
  if (retry !== undefined) checkRetry(name, retry)
  const concurrency = count(name, 'concurrency', options.concurrency ?? CONCURRENCY)
  const waitingMax = count(name, 'limit', options.limit ?? WAITING_MAX)
  const store = `${name}-under-way`
  const { key, waiting } = waitingStoreFor(flow, { step: name, word: 'key', store }, options)
  const mapping: AsyncMapping<K, V, V2> = {
    call,
    concurrency,
    timeoutMs: durationMs(options.timeout ?? TIMEOUT),
    order,
    retry: retry && retryPolicy(retry),
    waitingMax,
    room: { store, key, value: waiting },
  }
  const step = {
    operator: 'map-values-async',
    name,
    stores: [store],
    create: mapValuesAsync(mapping),
  }
  return after(flow, step, { value: undefined })
}

function count(step: string, what: string, given: number): number {
  if (Number.isInteger(given) && given >= 1) return given
  throw invalidTopology(`step "${step}" has a ${what} of ${given}`, 'Give a whole number from 1.')
}
