import type { CounterName } from '../../core/metrics.ts'
import type { ThreadSnapshot } from '../../runtime/thread/thread-snapshot.ts'
import type { Labels, Metric, Sample } from '../../server/prometheus.ts'

/** Kafka Streams' groups of metrics, as its JMX exporter writes them. */
export const THREAD = 'kafka_streams_stream_thread_metrics'
export const TASK = 'kafka_streams_stream_task_metrics'
export const NODE = 'kafka_streams_stream_processor_node_metrics'
export const STATE = 'kafka_streams_stream_state_metrics'
export const CLIENT = 'kafka_streams_stream_metrics'
export const CONSUMER = 'kafka_consumer_fetch_manager_metrics'
export const COORDINATOR = 'kafka_consumer_coordinator_metrics'

/** Of rates and latencies. */
export const LATELY = 'in the last 30 to 60 seconds'

export const labelOf = ({ thread }: ThreadSnapshot): Labels => ({ thread_id: thread })

export const gauge = (name: string, help: string, samples: readonly Sample[]): Metric => ({
  name,
  type: 'gauge',
  help,
  samples,
})

export const counter = (name: string, help: string, samples: readonly Sample[]): Metric => ({
  name,
  type: 'counter',
  help,
  samples,
})

/** One number a thread. */
export const ofEach = (
  threads: readonly ThreadSnapshot[],
  value: (thread: ThreadSnapshot) => number,
): readonly Sample[] => threads.map((thread) => [labelOf(thread), value(thread)])

/** One of a thread's counters. */
export const total = (
  threads: readonly ThreadSnapshot[],
  name: string,
  help: string,
  counted: CounterName,
): Metric =>
  counter(
    name,
    help,
    ofEach(threads, ({ counters }) => counters[counted]),
  )

/** Several numbers a thread, each with labels of its own. */
export const perThread = (
  threads: readonly ThreadSnapshot[],
  samples: (thread: ThreadSnapshot) => readonly Sample[],
): readonly Sample[] =>
  threads.flatMap((thread) =>
    samples(thread).map(([labels, value]): Sample => [{ ...labelOf(thread), ...labels }, value]),
  )
