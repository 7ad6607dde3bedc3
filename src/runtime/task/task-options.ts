import type { Clock } from '../../core/clock.ts'
import type { Logger } from '../../core/logger.ts'
import type { ThreadCounters } from '../../core/metrics.ts'
import type { Offset } from '../../core/record.ts'
import type { TaskId } from '../../core/task-id.ts'
import type { TopicPartition } from '../../core/topic-partition.ts'
import type { RemoteSerde } from '../../serde/registry/remote-serde.ts'
import type { StateBackend } from '../../state/backend.ts'
import type { StoreSpec } from '../../state/store-spec.ts'
import type { OperatorContext } from '../../topology/processor.ts'
import type { Topology } from '../../topology/topology.ts'
import type { OpenTelemetry } from '../tracing/open-telemetry.ts'
import type { RecordSupply } from './partition-queue.ts'
import type { RecordCollector } from './record-collector.ts'

export interface TaskOptions {
  readonly id: TaskId
  readonly topology: Topology
  readonly applicationId: string
  /** The input partitions, by their names in Kafka. */
  readonly sources: readonly TopicPartition[]
  /** How many tasks its sub-topology has: what keys are spread over. */
  readonly partitions: number
  readonly supply: RecordSupply
  readonly collector: RecordCollector
  readonly backend: (kind: StoreSpec['backend']) => StateBackend
  readonly clock: Clock
  readonly logger: Logger
  readonly counters: ThreadCounters
  readonly cacheMaxBytes: number
  readonly readCacheMaxBytes: number
  /** None by default. */
  readonly globalStore?: OperatorContext['globalStore']
  /** See {@link OperatorContext}; a second by default, as in Kafka Streams. */
  readonly closeIntervalMs?: number
  /** See {@link RecordSpans}; undefined: nothing is traced. */
  readonly tracing?: OpenTelemetry | undefined
  /** See {@link compileGraph}. */
  readonly openSerde: (remote: RemoteSerde) => void
  /** See {@link InputOrder}; 0 by default. */
  readonly maxTaskIdleMs?: number
  /** A step asked for a commit soon. */
  readonly onCommitRequest: () => void
}

/** Where an input partition resumes. */
export interface StartPosition extends TopicPartition {
  readonly offset: Offset
  /** What was committed with the offset; null where nothing was and the reset policy chose it. */
  readonly metadata: string | null
  /** See `topicIdentity`; undefined where it is not known. */
  readonly topicIs?: string
  /** The committed offset is of another topic of that name, and means nothing. */
  readonly isReset?: boolean
}
