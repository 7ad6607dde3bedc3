import type { Clock } from '../../core/clock.ts'
import { StreamsError } from '../../core/errors.ts'
import type { Logger } from '../../core/logger.ts'
import type { ThreadCounters } from '../../core/metrics.ts'
import type { Offset } from '../../core/record.ts'
import { RecordMeta } from '../../core/record-meta.ts'
import { KafkaError } from '../../kafka/port.ts'
import type { StateBackend } from '../../state/backend.ts'
import { openKeyValueStore } from '../../state/key-value/key-value-store.ts'
import type { KeyValueStore, StoreHandle } from '../../state/store.ts'
import {
  topicName,
  type FailurePolicy,
  type GlobalSubTopology,
  type ProcessorNode,
  type SourceNode,
} from '../../topology/graph.ts'
import type { Operator, OperatorContext } from '../../topology/processor.ts'
import type { Topology } from '../../topology/topology.ts'
import { reactionTo } from '../reaction.ts'
import { failureAt, nodeOfFailure } from '../task/compile-graph.ts'
import { PartitionQueue, type RecordSupply } from '../task/partition-queue.ts'
import { LocalCopy } from './local-copy.ts'

export interface GlobalStoreOptions {
  readonly topology: Topology
  readonly applicationId: string
  /** Where they are known: a topic that was created anew has another one. */
  readonly topicIds: ReadonlyMap<string, string>
  /** Hands out what was read of the global topics. */
  readonly take: RecordSupply['take']
  /** A schema that was waited for is there. */
  readonly onEvent: () => void
  readonly clock: Clock
  readonly logger: Logger
  readonly counters: ThreadCounters
  readonly readCacheMaxBytes: number
  /** Of any global store, for the processor of another one. */
  readonly globalStore: OperatorContext['globalStore']
}

/**
 * A global topic at work: its records go through one step into a store, which all tasks of the
 * thread read. What is not on disk yet is in memory; no commit has a part in it.
 */
export class GlobalStore {
  readonly name: string
  /** As it is called in Kafka. */
  readonly topic: string
  /** For tasks and queries: it refuses to be written. */
  readonly view: KeyValueStore<unknown, unknown>
  readonly #options: GlobalStoreOptions
  readonly #part: GlobalSubTopology
  readonly #source: SourceNode
  readonly #meta = new RecordMeta()
  readonly #handle: StoreHandle & { readonly store: KeyValueStore<unknown, unknown> }
  readonly #copy: LocalCopy
  readonly #queues = new Map<number, PartitionQueue>()
  readonly #supply: RecordSupply
  readonly #step: ProcessorNode
  #operator: Operator | undefined

  constructor(part: GlobalSubTopology, backend: StateBackend, options: GlobalStoreOptions) {
    this.#options = options
    this.#part = part
    this.name = part.store.name
    this.#source = part.sources[0] as SourceNode
    this.#step = part.nodes.find((node) => node.kind === 'processor') as ProcessorNode
    const [topic] = this.#source.topics as Exclude<SourceNode['topics'], RegExp>
    this.topic = topicName(topic as NonNullable<typeof topic>, options.applicationId)
    const topicId = options.topicIds.get(this.topic) ?? ''
    this.#copy = new LocalCopy(backend, this.name, this.#originOf(topicId))
    this.#handle = openKeyValueStore(part.store, {
      bytes: backend.store(this.name),
      changelog: undefined,
      meta: this.#meta,
      cacheMaxBytes: 0,
      readCacheMaxBytes: options.readCacheMaxBytes,
    })
    this.view = readOnly(this.#handle.store, this.topic)
    this.#supply = {
      take: this.#take,
      mayHaveMore: () => false,
      wake: options.onEvent,
      heardMs: () => -1,
    }
  }

  /** Rows that were made of another topic, or by other means, are not these. */
  #originOf(topicId: string): string {
    const { topic } = this
    const { operator } = this.#step
    const [source, { store }] = [this.#source, this.#part]
    const name = (serde: object): unknown => (serde as { readonly name?: unknown }).name
    const serdes = [source.key, source.value, store.key, store.value].map(name)
    return JSON.stringify({ topic, topicId, operator, serdes })
  }

  readonly #take: RecordSupply['take'] = (topic, partition) => {
    try {
      return this.#options.take(topic, partition)
    } catch (error) {
      if (!(error instanceof KafkaError) || error.code !== 'OFFSET_OUT_OF_RANGE') throw error
      // Retention, or a topic that was created anew: which rows are still in it, nobody knows.
      this.wipe()
      throw new StreamsError('TASK_CORRUPTED', {
        message: `global topic "${topic}" no longer has what comes next in partition ${partition}`,
        hint: 'Nothing to do: it is read anew, and work goes on from the last commit.',
        cause: error,
      })
    }
  }

  /** Makes the step that keeps the store; it may ask for the other global stores. */
  start(): void {
    const { clock, counters, logger, globalStore } = this.#options
    const { name } = this.#step
    try {
      this.#operator = this.#part.create({
        nodeName: name,
        meta: this.#meta,
        store: <K, V>() => this.#handle.store as KeyValueStore<K, V>,
        globalStore,
        wallClockMs: clock.nowMs,
        recordDropped: (reason) => {
          counters.dropped += 1
          logger.debug({ node: name, topic: this.topic, reason }, 'record dropped')
        },
      })
    } catch (error) {
      throw failureAt(name, error)
    }
  }

  /** What the local copy has of each partition. */
  get copied(): ReadonlyMap<number, Offset> {
    return this.#copy.positions
  }

  /** Partitions that are being read. */
  get partitions(): readonly number[] {
    return [...this.#queues.keys()]
  }

  /** What comes next of a partition; undefined where it is not read. */
  position(partition: number): Offset | undefined {
    return this.#queues.get(partition)?.position
  }

  /** Reading of a partition begins there. */
  read(partition: number, position: Offset): void {
    const queue = new PartitionQueue({
      topic: this.topic,
      partition,
      source: this.#source,
      position,
      partitionTimeMs: -1,
      supply: this.#supply,
      meta: this.#meta,
      clock: this.#options.clock,
    })
    this.#queues.set(partition, queue)
  }

  /** Applies what has arrived, at most so many records a partition; returns how many it was. */
  apply(recordsMax: number): number {
    let applied = 0
    for (const queue of this.#queues.values()) {
      let left = recordsMax
      while (left > 0 && queue.fill()) {
        this.#applyHead(queue)
        left -= 1
      }
      applied += recordsMax - left
    }
    this.#options.counters.globalRecords += applied
    return applied
  }

  #applyHead(queue: PartitionQueue): void {
    const { run, headError, headTimestampMs } = queue
    const { counters, logger, topology } = this.#options
    this.#meta.from(queue.topic, queue.partition, run.offset)
    if (headError !== undefined) {
      const error = failureAt(this.#source.name, headError)
      this.#fail(queue, error, this.#source.onBadRecord ?? topology.onFailure)
    } else if (queue.headIsUnwanted) {
      counters.dropped += 1
      const { topic, partition } = queue
      const where = { topic, partition, offset: run.offset }
      logger.warn(where, 'record of a global topic dropped: its timestamp is negative')
    } else {
      try {
        this.#operator?.process(queue.headKey, queue.headValue, headTimestampMs, run.headers)
      } catch (error) {
        this.#fail(queue, failureAt(this.#step.name, error), topology.onFailure)
      }
    }
    queue.pass()
  }

  /**
   * There is no transaction that a dead letter could be part of, and every thread of every instance
   * fails at the same record: it is logged and stays in its topic, unless the policy is to stop.
   */
  #fail(queue: PartitionQueue, error: unknown, policy: FailurePolicy): void {
    if (reactionTo(error) !== 'record' || policy === 'stop') throw error
    const { counters, logger } = this.#options
    const { topic, partition, run } = queue
    const node = nodeOfFailure(error) ?? this.#source.name
    counters.skipped += 1
    logger.warn(
      { node, topic, partition, offset: run.offset, err: error },
      'record of a global topic skipped',
    )
  }

  /** Bytes in memory that are not in the local copy yet. */
  dirtyBytes(): number {
    return this.#handle.dirtyBytes()
  }

  /** Brings the local copy to where reading is, in one local transaction. */
  persist(): void {
    const rows = [...this.#handle.checkpoint()].flatMap(({ entries }) => entries)
    this.#copy.write(
      rows,
      new Map([...this.#queues].map(([partition, { position }]) => [partition, position])),
    )
  }

  /** Forgets everything: what is read from now on, from the beginning, is all there is. */
  wipe(): void {
    this.#queues.clear()
    this.#handle.close()
    this.#copy.wipe()
  }

  /** A value by the key's bytes; for queries from outside. */
  findBytes(
    key: Uint8Array,
  ): { readonly value: Uint8Array; readonly timestampMs: number } | undefined {
    const { store } = this.#part
    const found = this.view.getWithTimestamp(store.key.deserialize(key))
    if (found === undefined) return undefined
    return { value: store.value.serialize(found.value), timestampMs: found.timestampMs }
  }

  close(): void {
    try {
      this.#operator?.close?.()
    } finally {
      this.#handle.close()
    }
  }
}

function readOnly(
  store: KeyValueStore<unknown, unknown>,
  topic: string,
): KeyValueStore<unknown, unknown> {
  const refuse = (): never => {
    throw new StreamsError('INVALID_TOPOLOGY', {
      message: `a step writes to global store "${store.name}", which is made of topic "${topic}"`,
      hint: `Send a record to topic "${topic}" instead: every thread of every instance reads it.`,
    })
  }
  return {
    ...store,
    put: refuse,
    putIfAbsent: refuse,
    putAll: refuse,
    delete: refuse,
    onFlush: refuse,
  }
}
