import type { StoreSize, ThreadSnapshot } from '../../runtime/thread/thread-snapshot.ts'
import type { Labels, Metric, Sample } from '../../server/prometheus.ts'
import { counter, gauge, LATELY, ofEach, perThread, STATE, TASK, total } from './words.ts'

/** What stores hold, and what they still have to read. */
export function ofState(threads: readonly ThreadSnapshot[]): readonly Metric[] {
  return [...ofStores(threads), ...ofChangelogs(threads)]
}

function ofStores(threads: readonly ThreadSnapshot[]): readonly Metric[] {
  const labels = ({ task, store, kind }: StoreSize): Labels => ({ task_id: task, store, kind })
  const each = (value: (store: StoreSize) => number | undefined): readonly Sample[] =>
    perThread(threads, ({ stores }) =>
      stores.flatMap((store): readonly Sample[] => {
        const found = value(store)
        return found === undefined ? [] : [[labels(store), found]]
      }),
    )
  return [
    gauge(
      `${STATE}_estimate_num_keys`,
      'Rows of the store, about',
      each(({ rows }) => rows),
    ),
    gauge(
      'millrace_store_dirty_bytes',
      'Bytes of the store that are in memory only',
      each(({ dirtyBytes }) => dirtyBytes),
    ),
    counter(
      'millrace_store_cache_hits_total',
      'Reads of a key that were answered by an object in memory',
      each(({ reads }) => reads?.cached),
    ),
    counter(
      'millrace_store_cache_misses_total',
      'Reads of a key whose bytes had to be looked up',
      each(({ reads }) => reads?.decoded),
    ),
  ]
}

function ofChangelogs(threads: readonly ThreadSnapshot[]): readonly Metric[] {
  const remaining = perThread(threads, ({ restoring }) =>
    restoring.map(({ task, store, topic, partition, remaining: left }) => [
      { task_id: task, store, topic, partition },
      left,
    ]),
  )
  const lacking = perThread(threads, ({ standbys }) =>
    standbys.flatMap(({ stores }) =>
      stores.flatMap(({ task, store, topic, partition, lag }): readonly Sample[] =>
        lag === undefined ? [] : [[{ task_id: task, store, topic, partition }, lag]],
      ),
    ),
  )
  const behind = perThread(threads, ({ globals }) =>
    globals.map(({ store, topic, remaining: left }) => [{ store, topic }, left]),
  )
  return [
    total(
      threads,
      `${TASK}_restore_total`,
      'Changelog records replayed into local stores',
      'restored',
    ),
    gauge(
      `${TASK}_restore_rate`,
      `Changelog records replayed into local stores a second, ${LATELY}`,
      ofEach(threads, ({ restoreRate }) => restoreRate),
    ),
    gauge(
      `${TASK}_restore_remaining_records_total`,
      'Changelog offsets that the store still has to read before its task runs',
      remaining,
    ),
    total(threads, `${TASK}_update_total`, 'Changelog records replayed into standbys', 'followed'),
    gauge(
      `${TASK}_update_rate`,
      `Changelog records replayed into standbys a second, ${LATELY}`,
      ofEach(threads, ({ followRate }) => followRate),
    ),
    gauge('millrace_standby_lag', 'Changelog offsets that a standby has not read yet', lacking),
    gauge('millrace_global_remaining_records', 'Offsets a global store has to read', behind),
  ]
}
