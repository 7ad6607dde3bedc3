import type { ValueRange } from '../../core/recent-values.ts'
import type { TaskWork, ThreadSnapshot } from '../../runtime/thread/thread-snapshot.ts'
import type { Metric, Sample } from '../../server/prometheus.ts'
import { CONSUMER, counter, gauge, LATELY, NODE, perThread, TASK, total } from './words.ts'

/** What tasks and their steps do. */
export function ofTasks(threads: readonly ThreadSnapshot[]): readonly Metric[] {
  const each = (value: (task: TaskWork) => number): readonly Sample[] =>
    perThread(threads, ({ work }) => work.map((task) => [{ task_id: task.task }, value(task)]))
  return [
    counter(
      `${TASK}_process_total`,
      'Records taken from source topics',
      each(({ processed }) => processed),
    ),
    gauge(
      `${TASK}_process_rate`,
      `Records and timers a second, ${LATELY}`,
      each(({ processing }) => processing.rate),
    ),
    gauge(
      `${TASK}_process_latency_avg`,
      `Milliseconds for a record or timer, ${LATELY}`,
      each(({ processing }) => processing.averageMs),
    ),
    gauge(
      `${TASK}_process_latency_max`,
      `Milliseconds for a record or timer at most, ${LATELY}`,
      each(({ processing }) => processing.maxMs),
    ),
    gauge(
      `${TASK}_active_process_ratio`,
      `Part of the time that the thread processed for this task, ${LATELY}`,
      each(({ processing }) => processing.ratio),
    ),
    counter(
      `${TASK}_dropped_records_total`,
      "Records left out by a step's rule",
      each(({ dropped }) => dropped),
    ),
    gauge(
      `${TASK}_record_lateness_avg`,
      `Milliseconds that records lay behind the stream time, ${LATELY}`,
      each(({ lateness }) => lateness.average),
    ),
    gauge(
      `${TASK}_record_lateness_max`,
      `Milliseconds that a record lay behind the stream time at most, ${LATELY}`,
      each(({ lateness }) => lateness.max),
    ),
    gauge(
      `${TASK}_input_buffer_bytes_total`,
      'Bytes that are fetched and not taken yet',
      each(({ inputBufferBytes }) => inputBufferBytes),
    ),
    gauge(
      'millrace_state_disk_bytes',
      'Bytes that the local storage of the task takes on the disk',
      each(({ diskBytes }) => diskBytes),
    ),
    ...ofNodes(threads),
  ]
}

function ofNodes(threads: readonly ThreadSnapshot[]): readonly Metric[] {
  const processed = perThread(threads, ({ work }) =>
    work.flatMap(({ task, nodes }) =>
      nodes.map((node): Sample => [
        { task_id: task, processor_node_id: node.node },
        node.processed,
      ]),
    ),
  )
  const latency = (value: (range: ValueRange) => number): readonly Sample[] =>
    perThread(threads, ({ work }) =>
      work.flatMap(({ task, nodes }) =>
        nodes.flatMap(({ node, latency: range }): readonly Sample[] =>
          range === undefined ? [] : [[{ task_id: task, processor_node_id: node }, value(range)]],
        ),
      ),
    )
  return [
    counter(`${NODE}_process_total`, 'Records that came to the step', processed),
    gauge(
      `${NODE}_record_e2e_latency_avg`,
      `Milliseconds from the timestamps of records until they were here, ${LATELY}`,
      latency(({ average }) => average),
    ),
    gauge(
      `${NODE}_record_e2e_latency_min`,
      `The least milliseconds from the timestamp of a record until it was here, ${LATELY}`,
      latency(({ min }) => min),
    ),
    gauge(
      `${NODE}_record_e2e_latency_max`,
      `The most milliseconds from the timestamp of a record until it was here, ${LATELY}`,
      latency(({ max }) => max),
    ),
  ]
}

/** What became of records. */
export function ofRecords(threads: readonly ThreadSnapshot[]): readonly Metric[] {
  const lags = perThread(threads, ({ inputs }) =>
    inputs.flatMap(({ task, topic, partition, lag }): readonly Sample[] =>
      lag === undefined ? [] : [[{ task_id: task, topic, partition }, lag]],
    ),
  )
  const deadLetters = perThread(threads, ({ counters }) =>
    counters.deadLettersBy.map(({ topic, code, count }) => [{ topic, error_code: code }, count]),
  )
  const lag = 'Committed records of the partition that are not processed yet'
  return [
    gauge(`${CONSUMER}_records_lag`, lag, lags),
    counter('millrace_dead_letters_total', 'Records set aside as dead letters', deadLetters),
    total(threads, 'millrace_late_records_total', 'Dropped records that came too late', 'late'),
    total(
      threads,
      'millrace_skipped_records_total',
      'Records that failed and were skipped',
      'skipped',
    ),
    total(
      threads,
      'millrace_retries_total',
      'Times a record was left to be tried again',
      'retried',
    ),
    total(
      threads,
      'millrace_rate_limited_records_total',
      'Records that came over their rate limit',
      'rateLimited',
    ),
    total(threads, 'millrace_timers_total', 'Durable timers that fired', 'timers'),
    total(
      threads,
      'millrace_global_records_total',
      'Records applied to global stores',
      'globalRecords',
    ),
  ]
}
