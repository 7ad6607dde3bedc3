import { deadLetterOf, type DeadLetter } from '../core/dead-letter.ts'
import { durationMs, type Duration } from '../core/duration.ts'
import { StreamsError } from '../core/errors.ts'
import { silentLogger } from '../core/logger.ts'
import { ManualClock } from '../core/manual-clock.ts'
import { newThreadCounters, type ThreadCounters } from '../core/metrics.ts'
import { noHeaders, type Headers } from '../core/record.ts'
import { taskId } from '../core/task-id.ts'
import { yieldToEventLoop } from '../core/yield.ts'
import { GlobalStores } from '../runtime/global/global-stores.ts'
import { RemoteSerdes } from '../runtime/task/remote-serdes.ts'
import { Task } from '../runtime/task/task.ts'
import { MemoryRegistry } from '../serde/registry/memory-registry.ts'
import { memoryBackend } from '../state/memory/memory-backend.ts'
import type { ReadOnlyKeyValueStore } from '../state/store.ts'
import type { ReadOnlyVersionedStore } from '../state/versioned-store.ts'
import type { ReadOnlySessionStore, ReadOnlyWindowStore } from '../state/window-store.ts'
import { describeAsText } from '../topology/describe.ts'
import { topicName, type SourceNode, type SubTopology } from '../topology/graph.ts'
import type { Topic } from '../topology/topic.ts'
import { storeNamesOf, type Topology } from '../topology/topology.ts'
import { Pipe } from './pipe.ts'

/** For all drivers: topics, and so their serdes, are shared by the topologies that use them. */
const schemas = new MemoryRegistry()
const READ_CACHE_MAX_BYTES = 1024 * 1024

export interface TestDriverOptions {
  /** Where the wall clock begins; default 0. */
  readonly startMs?: number
  /** Record cache of the stores; default 0: every update is emitted. */
  readonly cacheMaxBytes?: number
}

export interface SendOptions {
  /** Default: the wall clock. */
  readonly timestampMs?: number
  readonly headers?: Headers
}

export interface TestInput<K, V> {
  readonly send: (key: K | null, value: V | null, options?: SendOptions) => Promise<void>
  /** Bytes as they are, for records that cannot be read. */
  readonly sendBytes: (
    key: Uint8Array | null,
    value: Uint8Array | null,
    options?: SendOptions,
  ) => Promise<void>
}

export interface TestRecord<K, V> {
  readonly key: K
  readonly value: V
  readonly timestampMs: number
  readonly headers: Headers
  readonly partition: number
}

/** Each call drains: it gives what was written since the last one. */
export interface TestOutput<K, V> {
  readonly records: () => readonly TestRecord<K, V>[]
  readonly values: () => readonly V[]
  readonly keyValues: () => readonly (readonly [key: K, value: V])[]
}

/**
 * Runs a topology without a broker and without waiting, over the same task code as an application:
 * a record that is sent has gone through every step when `send` resolves, and is committed, as in
 * Kafka Streams' `TopologyTestDriver`. Topics have one partition.
 */
export class TopologyTestDriver implements AsyncDisposable {
  readonly #topology: Topology
  readonly #clock: ManualClock
  readonly #cacheMaxBytes: number
  readonly #pipes = new Map<string, Pipe>()
  readonly #drained = new Map<string, number>()
  readonly #serdes = new RemoteSerdes(schemas, silentLogger)
  #opened: Promise<void> | undefined
  readonly #globals: GlobalStores
  readonly #tasks: readonly Task[]
  readonly counters: Readonly<ThreadCounters> = newThreadCounters()

  constructor(topology: Topology, options: TestDriverOptions = {}) {
    this.#topology = topology
    this.#clock = new ManualClock(options.startMs ?? 0)
    this.#cacheMaxBytes = options.cacheMaxBytes ?? 0
    this.#globals = this.#openGlobals()
    this.#tasks = topology.subTopologies.map((each) => this.#createTask(each))
  }

  #openGlobals(): GlobalStores {
    const backend = memoryBackend()
    const globals = new GlobalStores({
      topology: this.#topology,
      applicationId: this.#topology.name,
      topicIds: new Map(),
      take: (topic) => this.#pipe(topic).take(),
      onEvent: () => this.#run(),
      backend: () => backend,
      clock: this.#clock,
      logger: silentLogger,
      counters: this.counters,
      readCacheMaxBytes: READ_CACHE_MAX_BYTES,
    })
    for (const store of globals.all) store.read(0, 0)
    return globals
  }

  #createTask(subTopology: SubTopology): Task {
    const backend = memoryBackend()
    const sources = subTopology.sources.flatMap((source) => this.#topicsOf(source))
    const task = new Task({
      id: taskId(subTopology.id, 0),
      topology: this.#topology,
      applicationId: this.#topology.name,
      sources: sources.map((topic) => ({ topic, partition: 0 })),
      partitions: 1,
      supply: {
        take: (topic) => this.#pipe(topic).take(),
        mayHaveMore: () => false,
        wake: () => this.#run(),
        heardMs: this.#clock.nowMs,
      },
      collector: {
        send: (topic, _partition, timestampMs, key, value, headers) =>
          this.#pipe(topic).append({
            timestampMs,
            key: key && Buffer.from(key),
            value: value && Buffer.from(value),
            headers,
          }),
        partitionCount: () => 1,
      },
      backend: () => backend,
      clock: this.#clock,
      logger: silentLogger,
      counters: this.counters,
      cacheMaxBytes: this.#cacheMaxBytes,
      readCacheMaxBytes: READ_CACHE_MAX_BYTES,
      globalStore: this.#globals.view,
      // As in Kafka Streams' own driver: what has closed is seen with the record that closes it.
      closeIntervalMs: 0,
      openSerde: this.#serdes.open,
      onCommitRequest: () => {},
    })
    task.start(sources.map((topic) => ({ topic, partition: 0, offset: 0, metadata: '' })))
    return task
  }

  #topicsOf({ topics }: SourceNode): readonly string[] {
    if (topics instanceof RegExp) {
      throw new StreamsError('INVALID_TOPOLOGY', {
        message: `the test driver has no cluster to look for topics like ${String(topics)}`,
        hint: 'Build the topology under test with the topics by name.',
      })
    }
    return topics.map((topic) => topicName(topic, this.#topology.name))
  }

  #pipe(topic: string): Pipe {
    let pipe = this.#pipes.get(topic)
    if (pipe === undefined) {
      pipe = new Pipe(topic, 0)
      this.#pipes.set(topic, pipe)
    }
    return pipe
  }

  input<K, V>(topic: Topic<K, V>): TestInput<K, V> {
    const sendBytes = async (
      key: Uint8Array | null,
      value: Uint8Array | null,
      options: SendOptions = {},
    ): Promise<void> => {
      if (this.#asksRegistry) await this.#open()
      const { timestampMs = this.#clock.nowMs(), headers = noHeaders } = options
      this.#pipe(topic.name).append({ timestampMs, key, value, headers })
      this.#run()
      // Long enough for a schema to be found.
      await (this.#asksRegistry ? yieldToEventLoop() : Promise.resolve())
    }
    const serialized = (key: K | null, value: V | null, options?: SendOptions): Promise<void> =>
      sendBytes(
        key === null ? null : topic.key.serialize(key),
        value === null ? null : topic.value.serialize(value),
        options,
      )
    return {
      sendBytes,
      send: this.#asksRegistry
        ? async (key, value, options) => {
            await this.#open()
            await serialized(key, value, options)
          }
        : serialized,
    }
  }

  get #asksRegistry(): boolean {
    return this.#serdes.areNeededBy(this.#topology)
  }

  /** Its serdes have their ids from a registry in memory, which knows every schema. */
  #open(): Promise<void> {
    this.#opened ??= this.#serdes.openAll(this.#topology)
    return this.#opened
  }

  /**
   * Until no task has anything left to read, or a timer that is due; every record, and every timer,
   * is committed by itself.
   */
  #run(): void {
    const nowMs = this.#clock.nowMs()
    let busy = true
    while (busy) {
      busy = this.#globals.apply(1) > 0
      for (const task of this.#tasks) {
        while (task.process(1) > 0 || task.fireTimers(nowMs, 1) > 0) {
          busy = true
          this.#commit(task)
        }
      }
    }
  }

  #commit(task: Task): void {
    task.prepareCommit()
    task.committed()
  }

  output<K, V>(topic: Topic<K, V>): TestOutput<K, V> {
    const records = (): readonly TestRecord<K, V>[] =>
      this.#drain(topic.name).map(({ key, value, timestampMs, headers, partition }) => ({
        // A null key or a tombstone has no type of its own in a topic; callers see it as null.
        key: (key === null ? null : topic.key.deserialize(key)) as K,
        value: (value === null ? null : topic.value.deserialize(value)) as V,
        timestampMs,
        headers,
        partition,
      }))
    return {
      records,
      values: () => records().map(({ value }) => value),
      keyValues: () => records().map(({ key, value }) => [key, value] as const),
    }
  }

  #drain(topic: string): Pipe['records'] {
    const { records } = this.#pipe(topic)
    const from = this.#drained.get(topic) ?? 0
    this.#drained.set(topic, records.length)
    return records.slice(from)
  }

  /** What went to the dead-letter topic since the last call. */
  deadLetters(): readonly DeadLetter[] {
    const topic = this.#topology.deadLetters?.name
    return topic === undefined ? [] : this.#drain(topic).map(deadLetterOf)
  }

  /** The wall clock, milliseconds. */
  get nowMs(): number {
    return this.#clock.nowMs()
  }

  /**
   * Moves the wall clock and fires what is due: each timer at its own time, scheduled callbacks at
   * those times and at the end. Event time moves by records only.
   */
  async advanceTime(duration: Duration): Promise<void> {
    const untilMs = this.#clock.nowMs() + durationMs(duration)
    for (;;) {
      const timerMs = Math.min(...this.#tasks.map((task) => task.nextTimerMs()))
      if (timerMs > untilMs) break
      await this.#moveTo(timerMs)
    }
    await this.#moveTo(untilMs)
  }

  async #moveTo(timeMs: number): Promise<void> {
    await this.#clock.advance(Math.max(0, timeMs - this.#clock.nowMs()))
    for (const task of this.#tasks) {
      task.punctuate(this.#clock.nowMs())
      this.#commit(task)
    }
    this.#run()
  }

  /** A store as the topology sees it. */
  store<K, V>(name: string): ReadOnlyKeyValueStore<K, V> {
    const task = this.#tasks.find(({ stores }) => stores.names.includes(name))
    const store = task?.stores.store<K, V>(name) ?? this.#globals.view<K, V>(name)
    if (store !== undefined) return store
    throw new StreamsError('STORE_MISSING', {
      message: `the topology has no store "${name}"`,
      hint: `Ask for one of: ${storeNamesOf(this.#topology).join(', ')}.`,
    })
  }

  /** A window store; its rows can be had with `store` too, by windowed keys. */
  windowStore<K, V>(name: string): ReadOnlyWindowStore<K, V> {
    return this.#ofKind<ReadOnlyWindowStore<K, V>>(name, 'window', 'fetchAll')
  }

  /** A session store; its rows can be had with `store` too, by windowed keys. */
  sessionStore<K, V>(name: string): ReadOnlySessionStore<K, V> {
    return this.#ofKind<ReadOnlySessionStore<K, V>>(name, 'session', 'findSessions')
  }

  /** A versioned store; its latest versions can be had with `store` too. */
  versionedStore<K, V>(name: string): ReadOnlyVersionedStore<K, V> {
    return this.#ofKind<ReadOnlyVersionedStore<K, V>>(name, 'versioned', 'versions')
  }

  #ofKind<S extends object>(name: string, kind: string, word: keyof S): S {
    const store = this.store(name) as unknown as S
    if (word in store) return store
    throw new StreamsError('STORE_MISSING', {
      message: `store "${name}" is no ${kind} store`,
      hint: 'Ask for it by what it is.',
    })
  }

  describe(): string {
    return describeAsText(this.#topology)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const task of this.#tasks) task.close()
    this.#globals.close()
    await Promise.resolve()
  }
}
