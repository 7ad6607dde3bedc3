import type { ThreadCounters } from '../core/metrics.ts'
import type { ThreadSnapshot } from '../runtime/thread/thread-snapshot.ts'
import { prometheusText, type Labels, type Metric, type Sample } from '../server/prometheus.ts'
import type { ApplicationState } from './application-state.ts'

/** What the metrics of an application are made of. */
export interface Measured {
  readonly applicationId: string
  readonly state: ApplicationState
  /** Of those threads that answered. */
  readonly threads: readonly ThreadSnapshot[]
  /** Stream threads that this process has and that have not ended. */
  readonly aliveThreads: number
}

/** Kafka Streams' groups of metrics, as its JMX exporter writes them. */
const THREAD = 'kafka_streams_stream_thread_metrics'
const TASK = 'kafka_streams_stream_task_metrics'
const STATE = 'kafka_streams_stream_state_metrics'
const CLIENT = 'kafka_streams_stream_metrics'
const CONSUMER = 'kafka_consumer_fetch_manager_metrics'

/** The metrics as Prometheus reads them: by Kafka Streams' names where it has them. */
export const metricsText = (measured: Measured): string =>
  prometheusText([
    ...ofClient(measured),
    ...ofThreads(measured.threads),
    ...ofRecords(measured.threads),
    ...ofState(measured.threads),
  ])

function ofClient({ applicationId, state, aliveThreads }: Measured): readonly Metric[] {
  const running: Sample = [{ application_id: applicationId, state }, 1]
  return [
    gauge(`${CLIENT}_client_state`, 'The state of the application, by its name', [running]),
    gauge(`${CLIENT}_alive_stream_threads`, 'Stream threads that have not ended', [
      [{}, aliveThreads],
    ]),
  ]
}

function ofThreads(threads: readonly ThreadSnapshot[]): readonly Metric[] {
  const each = (value: (thread: ThreadSnapshot) => number): readonly Sample[] =>
    threads.map((thread) => [labelOf(thread), value(thread)])
  const total = (name: string, help: string, counter: keyof ThreadCounters): Metric => ({
    name,
    type: 'counter',
    help,
    samples: each(({ counters }) => counters[counter]),
  })
  const lately = 'in the last 30 to 60 seconds'
  return [
    total(`${THREAD}_process_total`, 'Records taken from source topics', 'processed'),
    gauge(
      `${THREAD}_process_rate`,
      `Records and timers a second, ${lately}`,
      each(({ processing }) => processing.rate),
    ),
    gauge(
      `${THREAD}_process_latency_avg`,
      `Milliseconds for a record or timer, ${lately}`,
      each(({ processing }) => processing.averageMs),
    ),
    total(`${THREAD}_commit_total`, 'Commits', 'commits'),
    gauge(
      `${THREAD}_commit_rate`,
      `Commits a second, ${lately}`,
      each(({ committing }) => committing.rate),
    ),
    gauge(
      `${THREAD}_commit_latency_avg`,
      `Milliseconds for a commit, ${lately}`,
      each(({ committing }) => committing.averageMs),
    ),
    gauge(
      `${THREAD}_commit_latency_max`,
      `Milliseconds of the longest commit ${lately}`,
      each(({ committing }) => committing.maxMs),
    ),
    total(`${THREAD}_poll_total`, 'Turns of the loop that looked for records', 'polls'),
    gauge(
      'millrace_thread_since_turn_ms',
      'How long ago the loop of the thread began a turn',
      each(({ sinceTurnMs }) => sinceTurnMs),
    ),
    total('millrace_migrations_total', 'Times work was abandoned and resumed', 'migrations'),
    gauge('millrace_tasks', 'Tasks of the thread, by their state', tasksOf(threads)),
  ]
}

/** What became of records. */
function ofRecords(threads: readonly ThreadSnapshot[]): readonly Metric[] {
  const total = (name: string, help: string, counter: keyof ThreadCounters): Metric => ({
    name,
    type: 'counter',
    help,
    samples: threads.map((thread) => [labelOf(thread), thread.counters[counter]]),
  })
  const lags = perThread(threads, ({ inputs }) =>
    inputs.flatMap(({ task, topic, partition, lag }): readonly Sample[] =>
      lag === undefined ? [] : [[{ task_id: task, topic, partition }, lag]],
    ),
  )
  const lag = 'Committed records of the partition that are not processed yet'
  return [
    gauge(`${CONSUMER}_records_lag`, lag, lags),
    total(`${TASK}_dropped_records_total`, "Records left out by a step's rule", 'dropped'),
    total('millrace_late_records_total', 'Dropped records that came too late', 'late'),
    total('millrace_dead_letters_total', 'Records set aside as dead letters', 'deadLetters'),
    total('millrace_skipped_records_total', 'Records that failed and were skipped', 'skipped'),
    total('millrace_retries_total', 'Times a record was left to be tried again', 'retried'),
    total('millrace_timers_total', 'Durable timers that fired', 'timers'),
    total('millrace_global_records_total', 'Records applied to global stores', 'globalRecords'),
  ]
}

function ofState(threads: readonly ThreadSnapshot[]): readonly Metric[] {
  const rows = perThread(threads, ({ stores }) =>
    stores.map(({ task, store, rows: count }) => [{ task_id: task, store }, count]),
  )
  const dirty = perThread(threads, ({ stores }) =>
    stores.map(({ task, store, dirtyBytes }) => [{ task_id: task, store }, dirtyBytes]),
  )
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
    gauge(`${STATE}_estimate_num_keys`, 'Rows of the store, about', rows),
    gauge('millrace_store_dirty_bytes', 'Bytes of the store that are in memory only', dirty),
    {
      name: `${TASK}_restore_total`,
      type: 'counter',
      help: 'Changelog records replayed into local stores',
      samples: threads.map((thread) => [labelOf(thread), thread.counters.restored]),
    },
    gauge(
      `${TASK}_restore_remaining_records_total`,
      'Changelog offsets that the store still has to read before its task runs',
      remaining,
    ),
    {
      name: `${TASK}_update_total`,
      type: 'counter',
      help: 'Changelog records replayed into standbys',
      samples: threads.map((thread) => [labelOf(thread), thread.counters.followed]),
    },
    gauge('millrace_standby_lag', 'Changelog offsets that a standby has not read yet', lacking),
    gauge('millrace_global_remaining_records', 'Offsets a global store has to read', behind),
  ]
}

function tasksOf(threads: readonly ThreadSnapshot[]): readonly Sample[] {
  return threads.flatMap((thread) =>
    ['opening', 'restoring', 'running', 'standby'].map((state): Sample => {
      const ofState = thread.tasks.filter((task) => task.state === state)
      const count = state === 'standby' ? thread.standbys.length : ofState.length
      return [{ ...labelOf(thread), state }, count]
    }),
  )
}

const perThread = (
  threads: readonly ThreadSnapshot[],
  samples: (thread: ThreadSnapshot) => readonly Sample[],
): readonly Sample[] =>
  threads.flatMap((thread) =>
    samples(thread).map(([labels, value]): Sample => [{ ...labelOf(thread), ...labels }, value]),
  )

const labelOf = ({ thread }: ThreadSnapshot): Labels => ({ thread_id: thread })

const gauge = (name: string, help: string, samples: readonly Sample[]): Metric => ({
  name,
  type: 'gauge',
  help,
  samples,
})
