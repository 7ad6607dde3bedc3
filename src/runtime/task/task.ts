import { StreamsError } from '../../core/errors.ts'
import { noHeaders, type Offset } from '../../core/record.ts'
import { RecordMeta } from '../../core/record-meta.ts'
import { parseTaskId, type TaskId } from '../../core/task-id.ts'
import type { TopicPartition } from '../../core/topic-partition.ts'
import type { CommittedOffset } from '../../kafka/port.ts'
import type { StoreSpec } from '../../state/store-spec.ts'
import {
  topicName,
  type FailurePolicy,
  type ProcessorNode,
  type SourceNode,
  type SubTopology,
} from '../../topology/graph.ts'
import type { Emit, OperatorContext } from '../../topology/processor.ts'
import { RecordSpans } from '../tracing/record-spans.ts'
import { AtHand } from './at-hand.ts'
import { announcing } from './cached-update.ts'
import { formatCommitMetadata, latestGeneration, parseCommitMetadata } from './commit-metadata.ts'
import { compileGraph, failureAt, type CompiledGraph } from './compile-graph.ts'
import { Failures } from './failures.ts'
import { InputOrder, type Input } from './input-order.ts'
import { Holds } from './holds.ts'
import { LaterWork } from './later-work.ts'
import { PartitionQueue } from './partition-queue.ts'
import { Punctuations } from './punctuations.ts'
import { closable, type RecordCollector } from './record-collector.ts'
import type { StartPosition, TaskOptions } from './task-options.ts'
import { TaskStores } from './task-stores.ts'
import { TaskTimers } from './task-timers.ts'
import { TaskVitals } from './task-vitals.ts'

const CLOSE_INTERVAL_MS = 1_000

const never = (): boolean => false

/**
 * A sub-topology at work on one partition: pulls input, runs it through the graph, keeps its
 * stores. It does no I/O but through the collector and its local storage, and never waits.
 */
export class Task {
  readonly id: TaskId
  readonly stores: TaskStores
  readonly vitals: TaskVitals
  readonly #options: TaskOptions
  readonly #subTopology: SubTopology
  readonly #meta = new RecordMeta()
  readonly #collector: RecordCollector
  readonly #punctuations = new Punctuations()
  readonly #timers: TaskTimers
  readonly #failures: Failures
  readonly #atHand: AtHand
  readonly #whileIdle: ((untilMs: number) => boolean)[] = []
  readonly #later: LaterWork
  /** Undefined where nothing is traced: then nothing of it is in the way of a record. */
  readonly #spans: RecordSpans | undefined
  readonly #take: (input: Input) => void
  #graph: CompiledGraph | undefined
  #inputs: readonly Input[] = []
  #order: InputOrder | undefined
  #streamTimeMs = -1
  /** Which replay our state belongs to. */
  #generation = ''
  #dirty = false
  readonly #holds = new Holds()
  #closing = false

  constructor(options: TaskOptions) {
    this.id = options.id
    this.#options = options
    this.#collector = closable(options.collector, () => this.#closing)
    const { tracing } = options
    const spans = tracing && new RecordSpans(tracing, options)
    const process = (input: Input): void => this.#processHead(input)
    this.#spans = spans
    this.#take = spans === undefined ? process : (input) => spans.process(input, process)
    this.vitals = new TaskVitals(options.clock.nowMs())
    this.#failures = new Failures({ ...options, spans, vitals: this.vitals }, this.#sent)
    this.#later = new LaterWork(() => options.supply.wake())
    const policy = options.topology.onFailure
    this.#atHand = new AtHand(this.#meta, this.#failures, policy)
    const { counters } = options
    this.#timers = new TaskTimers({ meta: this.#meta, counters, failures: this.#failures, policy })
    const { subTopology, partition } = parseTaskId(options.id)
    this.#subTopology = options.topology.subTopologies[subTopology] as SubTopology
    this.stores = new TaskStores({
      ...options,
      collector: this.#collector,
      partition,
      meta: this.#meta,
      streamTimeMs: () => this.#streamTimeMs,
      specs: this.#subTopology.stores.map((name) => options.topology.stores.get(name) as StoreSpec),
    })
  }

  /** Where records are sent to, other than changes of state. */
  get #sent(): RecordCollector {
    return this.#spans?.collector(this.#collector) ?? this.#collector
  }

  get partition(): number {
    return parseTaskId(this.id).partition
  }

  get partitions(): number {
    return this.#options.partitions
  }

  /** How much steps wait for that ends outside. */
  get underWay(): number {
    return this.#later.underWay
  }

  get streamTimeMs(): number {
    return this.#streamTimeMs
  }

  /**
   * Whether something happened since the last commit. A position also moves by itself, past markers
   * and by a reset: a reset to `latest` that is not remembered would skip records after a crash.
   */
  get needsCommit(): boolean {
    return this.#dirty || this.#inputs.some(({ queue, committed }) => queue.position !== committed)
  }

  /** The stores are restored: builds the graph and resumes at these positions. */
  start(positions: readonly StartPosition[]): void {
    for (const { metadata } of positions) {
      const { streamTimeMs } = parseCommitMetadata(metadata ?? '')
      this.#streamTimeMs = Math.max(this.#streamTimeMs, streamTimeMs)
    }
    this.#generation = latestGeneration(positions.map(({ metadata }) => metadata))
    this.#graph = compileGraph(this.#subTopology, {
      applicationId: this.#options.applicationId,
      meta: this.#meta,
      collector: this.#sent,
      openSerde: this.#options.openSerde,
      vitals: this.vitals,
      contextOf: (node) => this.#contextOf(node),
    })
    this.#inputs = positions.map((position) => this.#inputAt(position))
    const { maxTaskIdleMs = 0, clock } = this.#options
    this.#order = new InputOrder(this.#inputs, maxTaskIdleMs, clock)
    // A step may put into its stores when it is made.
    this.#dirty = this.stores.dirtyBytes() > 0
  }

  #inputAt(position: StartPosition): Input {
    const { topic, partition, offset, metadata, topicIs = '', isReset = false } = position
    const source = this.#sourceOf(topic)
    const { partitionTimeMs } = parseCommitMetadata(metadata ?? '')
    const place = { topic, partition, source, position: offset, partitionTimeMs }
    const emit = this.#graph?.entries.get(source.name) as Emit
    return {
      queue: new PartitionQueue({ ...this.#options, ...place, meta: this.#meta }),
      emit: this.#spans?.entry(emit) ?? emit,
      vitals: this.vitals.node(source.name, true),
      committed: metadata === null || isReset ? -1 : offset,
      topicIs,
    }
  }

  /** The committed offset has left the topic: reading goes on from this one. */
  resumeAt({ topic, partition, offset }: TopicPartition & { readonly offset: Offset }): void {
    for (const input of this.#inputs) {
      const { queue } = input
      if (queue.topic !== topic || queue.partition !== partition) continue
      queue.moveTo(offset)
      // It may be another topic by now.
      input.topicIs = ''
    }
  }

  #sourceOf(topic: string): SourceNode {
    const { applicationId } = this.#options
    const source = this.#subTopology.sources.find(({ topics }) =>
      topics instanceof RegExp
        ? topics.test(topic)
        : topics.some((each) => topicName(each, applicationId) === topic),
    )
    if (source !== undefined) return source
    throw new StreamsError('INVALID_TOPOLOGY', {
      message: `no source of task ${this.id} reads topic "${topic}"`,
      hint: 'Every instance of an application must run the same topology.',
    })
  }

  #contextOf(node: ProcessorNode): Omit<OperatorContext, 'emit' | 'emitTo'> {
    const { clock, closeIntervalMs } = this.#options
    const atHand = this.#atHand.contextOf(node.name)
    const counting = this.#failures.countingOf(node.name)
    return {
      nodeName: node.name,
      taskId: this.id,
      meta: this.#meta,
      store: (name) => {
        if (node.stores.includes(name)) return announcing(this.stores.store(name))
        throw new StreamsError('STORE_MISSING', {
          message: `step "${node.name}" has no store "${name}"`,
          hint: 'Name the store in the options where the step is added.',
        })
      },
      globalStore: this.#options.globalStore ?? (() => undefined),
      streamTimeMs: () => this.#streamTimeMs,
      wallClockMs: clock.nowMs,
      schedule: (intervalMs, type, callback) => {
        const fire = (timestampMs: number): void => {
          this.#dirty = true
          this.#options.counters.punctuations += 1
          this.#outsideRecords(node.name, timestampMs, callback)
        }
        return this.#punctuations.schedule(intervalMs, type, clock.nowMs(), fire)
      },
      timers: (name, onTimer) => this.#timers.add(node.name, this.stores.timers(name), onTimer),
      ...atHand,
      ...counting,
      ...this.#spans?.contextOf(node.name, { ...atHand, ...counting }),
      later: this.#later.begin,
      holdInput: this.#holds.hold,
      whileIdle: (callback) => {
        const call = (untilMs: number): boolean =>
          this.#outsideRecords(node.name, untilMs, callback)
        this.#whileIdle.push(call)
      },
      closeIntervalMs: closeIntervalMs ?? CLOSE_INTERVAL_MS,
      requestCommit: this.#options.onCommitRequest,
    }
  }

  /**
   * Processes what has arrived, and event-time timers as they come due, at most so many and while
   * not full; returns how many it was.
   */
  process(max: number, isFull: () => boolean = never): number {
    let done = 0
    let records = 0
    while (done < max && !isFull()) {
      if (!this.#timers.fireNext('event-time', this.#streamTimeMs)) {
        const input = this.#holds.any ? undefined : this.#order?.next()
        if (input === undefined) break
        this.#take(input)
        records += 1
      }
      done += 1
    }
    if (done > 0) this.#dirty = true
    this.#options.counters.processed += records
    this.vitals.processed += records
    return done
  }

  #processHead({ queue, emit, vitals }: Input): void {
    const { run } = queue
    this.#meta.from(queue.topic, queue.partition, run.offset)
    if (queue.headError !== undefined) {
      const { source } = queue
      const policy = source.onBadRecord ?? this.#options.topology.onFailure
      this.#fail(queue, failureAt(source.name, queue.headError), policy)
    } else if (queue.headIsUnwanted) {
      this.#leaveOut(queue)
    } else {
      const timestampMs = queue.headTimestampMs
      if (timestampMs > this.#streamTimeMs) this.#streamTimeMs = timestampMs
      vitals.processed += 1
      vitals.latency?.add(this.vitals.nowMs - timestampMs)
      this.vitals.lateness.add(this.#streamTimeMs - timestampMs)
      this.#atHand.queue = queue
      try {
        emit(queue.headKey, queue.headValue, timestampMs, run.headers)
      } catch (error) {
        this.#fail(queue, error, this.#options.topology.onFailure)
      } finally {
        this.#atHand.queue = undefined
      }
    }
    queue.pass()
    this.#punctuations.fire('stream-time', this.#streamTimeMs)
  }

  #leaveOut({ topic, partition, run }: PartitionQueue): void {
    const { counters, logger } = this.#options
    counters.dropped += 1
    this.vitals.dropped += 1
    const where = { task: this.id, topic, partition, offset: run.offset }
    logger.warn(where, 'record dropped: its timestamp is negative')
  }

  #fail(queue: PartitionQueue, error: unknown, policy: FailurePolicy): void {
    const failed = { records: [queue.rawHead()], attempts: 1, firstFailedAtMs: undefined }
    this.#failures.settle(failed, error, policy, queue.source.name)
  }

  #outsideRecords<T>(node: string, timestampMs: number, callback: (timestampMs: number) => T): T {
    this.#meta.from('', -1, -1)
    this.#meta.at(null, timestampMs, noHeaders)
    try {
      return callback(timestampMs)
    } catch (error) {
      // No record is at fault, so none can be set aside: a person has to look.
      throw failureAt(node, error)
    }
  }

  /**
   * Goes on with work that steps have waited for, and fires wall-clock timers that are due, at most
   * so many and while not full; returns how many.
   */
  fireTimers(nowMs: number, timersMax: number, isFull: () => boolean = never): number {
    this.vitals.turn(nowMs)
    let fired = this.#later.run(timersMax, isFull)
    while (fired < timersMax && !isFull() && this.#timers.fireNext('wall-clock', nowMs)) fired += 1
    if (fired > 0) this.#dirty = true
    return fired
  }

  /** Fires wall-clock punctuations that are due, and what steps do while there is no input. */
  punctuate(nowMs: number): boolean {
    const fired = this.#punctuations.fire('wall-clock', nowMs)
    return this.#callWhileIdle() || fired
  }

  #callWhileIdle(): boolean {
    if (this.#whileIdle.length === 0) return false
    const untilMs = this.#order?.idleUntilMs() ?? -1
    let any = false
    if (untilMs >= 0) for (const call of this.#whileIdle) if (call(untilMs)) any = true
    this.#dirty ||= any
    return any
  }

  /** When the wall clock alone gives it something to do; Infinity: never, as it is. */
  nextWallClockMs(): number {
    const punctuationMs = this.#punctuations.nextDueMs('wall-clock') ?? Infinity
    const inputMs = this.#holds.any ? Infinity : (this.#order?.waitsUntilMs ?? Infinity)
    return Math.min(punctuationMs, inputMs, this.nextTimerMs())
  }

  /** When the next wall-clock timer is due; Infinity where there is none. */
  nextTimerMs(): number {
    return this.#timers.nextMs('wall-clock')
  }

  /** Pushes cached updates downstream and to the changelogs: they belong to this commit. */
  prepareCommit(): void {
    this.stores.flush()
    this.#graph?.beforeCommit()
  }

  /**
   * Every position, also where it did not move: offsets are what the group coordinator knows a
   * zombie by (KIP-447), and a punctuation changes state without them.
   */
  offsetsToCommit(): readonly CommittedOffset[] {
    const [streamTimeMs, generation] = [this.#streamTimeMs, this.#generation]
    const { logs } = this.stores
    return this.#inputs.map(({ queue, topicIs }) => {
      const { topic, partition, position: offset, partitionTimeMs } = queue
      const known = { streamTimeMs, partitionTimeMs, generation, topic: topicIs, logs }
      const metadata = formatCommitMetadata(known)
      return { topic, partition, offset, metadata }
    })
  }

  /** The commit is in Kafka. */
  committed(): void {
    for (const input of this.#inputs) input.committed = input.queue.position
    this.#dirty = false
  }

  /** Of what is committed nothing will be read again. */
  committedPositions(): readonly (TopicPartition & { readonly offset: Offset })[] {
    return this.#inputs.map(({ queue: { topic, partition }, committed }) => ({
      topic,
      partition,
      offset: committed,
    }))
  }

  /** Input positions, for lag. */
  positions(): readonly (TopicPartition & { readonly offset: Offset })[] {
    return this.#inputs.map(({ queue: { topic, partition, position } }) => ({
      topic,
      partition,
      offset: position,
    }))
  }

  /** Drops what is in memory, also when a step fails to close, which is thrown. */
  close(): void {
    this.#closing = true
    this.#later.close()
    try {
      this.#graph?.close()
    } finally {
      this.stores.close()
    }
  }
}
