import { deadLetterHeader } from '../../core/dead-letter.ts'
import type { Clock } from '../../core/clock.ts'
import type { Logger } from '../../core/logger.ts'
import { countDeadLetters, type ThreadCounters } from '../../core/metrics.ts'
import type { RawRecord } from '../../core/record.ts'
import type { TaskId } from '../../core/task-id.ts'
import type { DueTimer } from '../../state/timer-store.ts'
import type { FailurePolicy } from '../../topology/graph.ts'
import type { OperatorContext } from '../../topology/processor.ts'
import type { Topology } from '../../topology/topology.ts'
import { reactionTo } from '../reaction.ts'
import type { RecordSpans } from '../tracing/record-spans.ts'
import { isFromCache } from './cached-update.ts'
import { nodeOfFailure } from './compile-graph.ts'
import { codeOf, sendDeadLetter } from './dead-letter.ts'
import type { RecordCollector } from './record-collector.ts'
import type { TaskVitals } from './task-vitals.ts'

export interface FailuresOptions {
  readonly id: TaskId
  readonly topology: Topology
  readonly applicationId: string
  readonly clock: Clock
  readonly logger: Logger
  readonly counters: ThreadCounters
  readonly vitals: TaskVitals
  /** Are told what has failed. */
  readonly spans: RecordSpans | undefined
}

/** What failed, and how often it was tried. */
export interface Failed {
  /** As they were read: more than one where a step had gathered them. */
  readonly records: readonly RawRecord[]
  readonly attempts: number
  /** Undefined: this is the first time. */
  readonly firstFailedAtMs: number | undefined
}

/** What becomes of records that failed: the policy decides, unless no record is at fault. */
export class Failures {
  readonly #options: FailuresOptions
  readonly #collector: RecordCollector

  constructor(options: FailuresOptions, collector: RecordCollector) {
    this.#options = options
    this.#collector = collector
  }

  /** How a step says what became of a record other than to go on. */
  countingOf(
    node: string,
  ): Pick<OperatorContext, 'recordDropped' | 'recordRetried' | 'recordLimited'> {
    const { counters, logger, id, vitals } = this.#options
    return {
      recordDropped: (reason, kind) => {
        counters.dropped += 1
        vitals.dropped += 1
        if (kind === 'late') counters.late += 1
        logger.debug({ node, task: id, reason }, 'record dropped')
      },
      recordRetried: () => {
        counters.retried += 1
      },
      recordLimited: () => {
        counters.rateLimited += 1
      },
    }
  }

  /** Throws what cannot be settled here. `node` is where it failed, if the error does not say. */
  settle(failed: Failed, error: unknown, policy: FailurePolicy, node: string): void {
    const { counters, logger, topology, spans } = this.#options
    spans?.failed(error, policy)
    if (reactionTo(error) !== 'record' || isFromCache(error)) throw error
    const { records } = failed
    const [first] = records
    const where = {
      task: this.#options.id,
      node: nodeOfFailure(error) ?? node,
      topic: first?.topic,
      partition: first?.partition,
      offset: first?.offset,
      ...spans?.logged(),
    }
    switch (policy) {
      case 'stop':
        throw error
      case 'skip':
        counters.skipped += records.length
        logger.warn({ ...where, err: error }, 'record skipped')
        return
      case 'dead-letter':
        if (topology.deadLetters === undefined) throw error
        this.#send(topology.deadLetters.name, failed, error, where.node)
        countDeadLetters(counters, where.topic ?? '', codeOf(error), records.length)
        logger.debug({ ...where, err: error }, 'record dead-lettered')
    }
  }

  #send(topic: string, failed: Failed, error: unknown, node: string): void {
    const { id, applicationId, clock } = this.#options
    const { attempts, firstFailedAtMs } = failed
    const failedAtMs = clock.nowMs()
    const origin = { applicationId, taskId: id, node, attempts, failedAtMs, firstFailedAtMs }
    for (const record of failed.records) {
      sendDeadLetter(this.#collector, topic, record, error, origin)
    }
  }
}

/** A timer as a dead letter: its key, no value, and what was to happen when in its headers. */
export const failedTimer = ({ keyBytes, name, atMs }: DueTimer<unknown>): Failed => ({
  records: [
    {
      topic: '',
      partition: -1,
      offset: -1,
      timestampMs: atMs,
      key: keyBytes,
      value: null,
      headers: [
        [deadLetterHeader.timer, Buffer.from(name)],
        [deadLetterHeader.timerAt, Buffer.from(String(atMs))],
      ],
    },
  ],
  attempts: 1,
  firstFailedAtMs: undefined,
})
