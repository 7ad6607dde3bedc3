import type { ThreadSnapshot } from '../runtime/thread/thread-snapshot.ts'
import { prometheusText, type Metric, type Sample } from '../server/prometheus.ts'
import type { ApplicationState } from './application-state.ts'
import { ofState } from './metrics/of-state.ts'
import { ofRecords, ofTasks } from './metrics/of-tasks.ts'
import { ofThreads } from './metrics/of-threads.ts'
import { CLIENT, counter, gauge } from './metrics/words.ts'

/** What the metrics of an application are made of. */
export interface Measured {
  readonly applicationId: string
  readonly state: ApplicationState
  /** Of those threads that answered. */
  readonly threads: readonly ThreadSnapshot[]
  /** Stream threads that this process has and that have not ended. */
  readonly aliveThreads: number
  /** Those that have failed since the start. */
  readonly failedThreads: number
  readonly isPaused: boolean
  /** Of the whole process, all of its threads. */
  readonly process: ProcessUse
}

export interface ProcessUse {
  readonly residentBytes: number
  readonly cpuSeconds: number
}

/** Every metric that there may be, also those that have no samples now. */
export const metricsOf = (measured: Measured): readonly Metric[] => [
  ...ofClient(measured),
  ...ofThreads(measured.threads),
  ...ofTasks(measured.threads),
  ...ofRecords(measured.threads),
  ...ofState(measured.threads),
]

/** The metrics as Prometheus reads them: by Kafka Streams' names where it has them. */
export const metricsText = (measured: Measured): string => prometheusText(metricsOf(measured))

/** The last two by the names that Prometheus' own clients use. */
function ofClient(measured: Measured): readonly Metric[] {
  const { applicationId, state, isPaused, aliveThreads, failedThreads, process } = measured
  const running: Sample = [{ application_id: applicationId, state }, 1]
  return [
    gauge(`${CLIENT}_client_state`, 'The state of the application, by its name', [running]),
    gauge(`${CLIENT}_alive_stream_threads`, 'Stream threads that have not ended', [
      [{}, aliveThreads],
    ]),
    gauge(`${CLIENT}_failed_stream_threads`, 'Stream threads that failed since the start', [
      [{}, failedThreads],
    ]),
    gauge('millrace_paused', 'Whether the application is paused', [[{}, isPaused ? 1 : 0]]),
    gauge('process_resident_memory_bytes', 'Memory that the process takes', [
      [{}, process.residentBytes],
    ]),
    counter('process_cpu_seconds_total', 'Seconds of CPU time, of all threads', [
      [{}, process.cpuSeconds],
    ]),
  ]
}
