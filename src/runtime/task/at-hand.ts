import type { RawRecord } from '../../core/record.ts'
import type { RecordMeta } from '../../core/record-meta.ts'
import type { FailurePolicy } from '../../topology/graph.ts'
import type { OperatorContext, Waited } from '../../topology/processor.ts'
import { failureAt } from './compile-graph.ts'
import type { Failures } from './failures.ts'
import type { PartitionQueue } from './partition-queue.ts'

/** Which records a task is at, so that it is they that are set aside when a step fails. */
export class AtHand {
  /** Whose head is being processed. */
  queue: PartitionQueue | undefined
  /** Set while a step goes on with records that have waited. */
  #waited: Waited | undefined
  readonly #meta: RecordMeta
  readonly #failures: Failures
  readonly #policy: FailurePolicy

  /** `policy`: the topology's. */
  constructor(meta: RecordMeta, failures: Failures, policy: FailurePolicy) {
    this.#meta = meta
    this.#failures = failures
    this.#policy = policy
  }

  /** What a step is given of it. */
  contextOf(node: string): Pick<OperatorContext, 'sources' | 'resume' | 'deadLetter'> {
    return {
      sources: () => this.#sources(),
      resume: (waited, work) => this.#resume(node, waited, work),
      deadLetter: (error) => this.#setAside(node, error),
    }
  }

  /** An update that leaves a cache has no record of its own: the meta shows another one. */
  #sources(): readonly RawRecord[] {
    const { topic, partition, offset } = this.#meta
    const isAt = (at: Waited['at']): boolean =>
      at.offset === offset && at.partition === partition && at.topic === topic
    const waited = this.#waited
    if (waited !== undefined) return isAt(waited.at) ? waited.records() : []
    const head = this.queue?.rawHead()
    return head !== undefined && isAt(head) ? [head] : []
  }

  /** What is at hand goes to the dead letters, and processing goes on. */
  #setAside(node: string, error: unknown): void {
    const records = this.#sources()
    if (records.length === 0) return
    const { attempts = 1, firstFailedAtMs } = this.#waited ?? {}
    const failed = { records, attempts, firstFailedAtMs }
    this.#failures.settle(failed, failureAt(node, error), 'dead-letter', node)
  }

  /** See {@link OperatorContext.resume}. */
  #resume(node: string, waited: Waited, work: () => void): void {
    const meta = this.#meta
    const { key, timestampMs, headers, topic, partition, offset } = meta
    const outer = this.#waited
    const { at } = waited
    this.#waited = waited
    meta.from(at.topic, at.partition, at.offset)
    try {
      work()
    } catch (error) {
      const failed = { ...waited, records: waited.records() }
      this.#failures.settle(failed, failureAt(node, error), this.#policy, node)
    } finally {
      this.#waited = outer
      meta.from(topic, partition, offset)
      meta.at(key, timestampMs, headers)
    }
  }
}
