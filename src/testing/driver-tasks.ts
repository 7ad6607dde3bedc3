import type { Clock } from '../core/clock.ts'
import { StreamsError } from '../core/errors.ts'
import { silentLogger } from '../core/logger.ts'
import type { ThreadCounters } from '../core/metrics.ts'
import type { TopicMetadata } from '../kafka/port.ts'
import {
  planPartitions,
  type PartitionPlan,
  type PlannedTask,
} from '../runtime/assignment/partition-plan.ts'
import { GlobalStores } from '../runtime/global/global-stores.ts'
import type { RemoteSerdes } from '../runtime/task/remote-serdes.ts'
import { Task } from '../runtime/task/task.ts'
import type { OpenTelemetry } from '../runtime/tracing/open-telemetry.ts'
import { memoryBackend } from '../state/memory/memory-backend.ts'
import type { ReadOnlyKeyValueStore } from '../state/store.ts'
import { topicName } from '../topology/graph.ts'
import { storeNamesOf, type Topology } from '../topology/topology.ts'
import { acrossPartitions } from './across-partitions.ts'
import { DriverTopics } from './driver-topics.ts'

const READ_CACHE_MAX_BYTES = 1024 * 1024

/** How many partitions topics have: all of them, or some by name, and the others one. */
export type TestPartitions = number | Readonly<Record<string, number>>

export interface DriverTasksOptions {
  readonly topology: Topology
  readonly partitions: TestPartitions
  readonly clock: Clock
  readonly counters: ThreadCounters
  readonly cacheMaxBytes: number
  readonly serdes: RemoteSerdes
  readonly tracing: OpenTelemetry | undefined
}

/** Every task of a topology in one place, with its topics and stores in memory. */
export class DriverTasks {
  readonly topics: DriverTopics
  readonly #options: DriverTasksOptions
  readonly #plan: PartitionPlan
  readonly #globals: GlobalStores
  readonly #tasks: readonly Task[]

  constructor(options: DriverTasksOptions) {
    this.#options = options
    this.#plan = planOf(options)
    const internal = new Map(this.#plan.repartitions.map((each) => [each.topic, each.partitions]))
    this.topics = new DriverTopics((topic) => internal.get(topic) ?? countOf(options, topic))
    this.#globals = this.#openGlobals()
    this.#tasks = this.#plan.tasks.map((each) => this.#openTask(each))
  }

  #openGlobals(): GlobalStores {
    const { topology, clock, counters } = this.#options
    const backend = memoryBackend()
    const globals = new GlobalStores({
      topology,
      applicationId: topology.name,
      topicIds: new Map(),
      take: this.topics.reading(),
      onEvent: this.run,
      backend: () => backend,
      clock,
      logger: silentLogger,
      counters,
      readCacheMaxBytes: READ_CACHE_MAX_BYTES,
    })
    for (const store of globals.all) {
      const partitions = this.topics.partitionCount(store.topic)
      for (let partition = 0; partition < partitions; partition++) store.read(partition, 0)
    }
    return globals
  }

  #openTask({ id, subTopology, sources }: PlannedTask): Task {
    const { topology, clock, serdes } = this.#options
    const { append, partitionCount } = this.topics
    const backend = memoryBackend()
    const task = new Task({
      ...this.#options,
      id,
      applicationId: topology.name,
      sources,
      partitions: this.#plan.tasks.filter((each) => each.subTopology === subTopology).length,
      supply: {
        take: this.topics.reading(),
        mayHaveMore: () => false,
        wake: this.run,
        heardMs: clock.nowMs,
      },
      collector: {
        send: (topic, partition, timestampMs, key, value, headers) => {
          const copied = { key: key && Buffer.from(key), value: value && Buffer.from(value) }
          // Changelogs are written by the partition of their task, and read by nobody here.
          append(topic, partition, { timestampMs, ...copied, headers })
        },
        partitionCount,
      },
      backend: () => backend,
      logger: silentLogger,
      readCacheMaxBytes: READ_CACHE_MAX_BYTES,
      globalStore: this.#globals.view,
      // As in Kafka Streams' own driver: what has closed is seen with the record that closes it.
      closeIntervalMs: 0,
      openSerde: serdes.open,
      onCommitRequest: () => {},
    })
    task.start(sources.map((source) => ({ ...source, offset: 0, metadata: '' })))
    return task
  }

  /** Those that a record can be sent to. */
  get inputTopics(): readonly string[] {
    const repartitions = new Set(this.#plan.repartitions.map(({ topic }) => topic))
    const sources = this.#plan.sourceTopics.filter((topic) => !repartitions.has(topic))
    return [...sources, ...this.#globals.all.map(({ topic }) => topic)]
  }

  /**
   * Until no task has anything left to read, or a timer that is due; every record, and every timer,
   * is committed by itself.
   */
  readonly run = (): void => {
    const nowMs = this.#options.clock.nowMs()
    let busy = true
    while (busy) {
      busy = this.#globals.apply(1) > 0
      for (const task of this.#tasks) {
        while (task.process(1) > 0 || task.fireTimers(nowMs, 1) > 0) {
          busy = true
          commit(task)
        }
      }
    }
  }

  /** How many asynchronous calls have not ended. */
  get underWay(): number {
    return this.#tasks.reduce((sum, task) => sum + task.underWay, 0)
  }

  /** When the next timer of the wall clock is due; Infinity where there is none. */
  nextTimerMs(): number {
    return Math.min(Infinity, ...this.#tasks.map((task) => task.nextTimerMs()))
  }

  /** Fires what is due by the wall clock. */
  punctuate(): void {
    for (const task of this.#tasks) {
      task.punctuate(this.#options.clock.nowMs())
      commit(task)
    }
    this.run()
  }

  /** The store of a partition, or those of all as one. */
  store<K, V>(name: string, partition: number | undefined): ReadOnlyKeyValueStore<K, V> {
    const tasks = this.#tasks.filter(({ stores }) => stores.names.includes(name))
    const wanted = tasks.filter((task) => partition === undefined || task.partition === partition)
    if (wanted.length > 0) {
      return acrossPartitions(wanted.map(({ stores }) => stores.store<K, V>(name)))
    }
    const global = this.#globals.view<K, V>(name)
    if (global !== undefined) return global
    const names = storeNamesOf(this.#options.topology)
    throw new StreamsError('STORE_MISSING', {
      message:
        tasks.length > 0
          ? `store "${name}" has ${tasks.length} partitions, none is ${partition}`
          : `the topology has no store "${name}"`,
      hint: `Ask for one of: ${names.join(', ')}.`,
    })
  }

  close(): void {
    for (const task of this.#tasks) task.close()
    this.#globals.close()
  }
}

function commit(task: Task): void {
  task.prepareCommit()
  task.committed()
}

function countOf({ partitions }: DriverTasksOptions, topic: string): number {
  const count = typeof partitions === 'number' ? partitions : (partitions[topic] ?? 1)
  if (Number.isInteger(count) && count > 0) return count
  throw new StreamsError('INVALID_CONFIG', {
    message: `topic "${topic}" cannot have ${count} partitions`,
    hint: 'Give a whole number from 1.',
  })
}

/** What the topology comes to on a cluster that has its topics, and those that were named. */
function planOf(options: DriverTasksOptions): PartitionPlan {
  const { topology, partitions } = options
  const named = typeof partitions === 'number' ? [] : Object.keys(partitions)
  const read = topology.subTopologies
    .flatMap(({ sources }) => sources)
    .flatMap(({ topics }) => {
      if (!(topics instanceof RegExp)) return topics.filter(({ internal }) => !internal)
      if (!named.some((name) => name.search(topics) >= 0)) throw nothingLike(topics)
      return []
    })
    .map((topic) => topicName(topic, topology.name))
  const cluster = new Map(
    [...named, ...read].map((name): [string, TopicMetadata] => {
      const ids = Array.from({ length: countOf(options, name) }, (_, id) => ({ id, leader: 0 }))
      return [name, { id: '', partitions: ids }]
    }),
  )
  return planPartitions(topology, topology.name, cluster)
}

const nothingLike = (pattern: RegExp): StreamsError =>
  new StreamsError('INVALID_TOPOLOGY', {
    message: `the test driver has no cluster to look for topics like ${String(pattern)}`,
    hint: "Name those that it is to find: { partitions: { 'orders.eu': 1, 'orders.us': 1 } }.",
  })
