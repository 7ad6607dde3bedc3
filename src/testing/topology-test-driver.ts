import { deadLetterOf, type DeadLetter } from '../core/dead-letter.ts'
import { durationMs, type Duration } from '../core/duration.ts'
import { StreamsError } from '../core/errors.ts'
import { silentLogger } from '../core/logger.ts'
import { ManualClock } from '../core/manual-clock.ts'
import { newThreadCounters, type ThreadCounters } from '../core/metrics.ts'
import { noHeaders, type Headers } from '../core/record.ts'
import { yieldToEventLoop } from '../core/yield.ts'
import { RemoteSerdes } from '../runtime/task/remote-serdes.ts'
import type { OpenTelemetry } from '../runtime/tracing/open-telemetry.ts'
import { MemoryRegistry } from '../serde/registry/memory-registry.ts'
import type { ReadOnlyKeyValueStore } from '../state/store.ts'
import type { ReadOnlyVersionedStore } from '../state/versioned-store.ts'
import type { ReadOnlySessionStore, ReadOnlyWindowStore } from '../state/window-store.ts'
import { describeAsText } from '../topology/describe.ts'
import type { Topic } from '../topology/topic.ts'
import type { Topology } from '../topology/topology.ts'
import { DriverTasks, type TestPartitions } from './driver-tasks.ts'

/** Of the event loop, in which a call ends that waits for nobody. */
const TURNS = 3

/** For all drivers: topics, and so their serdes, are shared by the topologies that use them. */
const schemas = new MemoryRegistry()

/** How a topology is run in a test. */
export interface TestDriverOptions {
  /** Where the wall clock begins; default 0. */
  readonly startMs?: number
  /** Record cache of each store; default 0: every update is emitted. */
  readonly cacheMaxBytes?: number
  /**
   * Of every topic, or of some by name and of the others one; default 1. Keys are spread over them
   * as in Kafka, and each sub-topology has as many tasks as its largest source topic.
   */
  readonly partitions?: TestPartitions
  /** The module `@opentelemetry/api`, to follow records by spans; default: nothing is traced. */
  readonly tracing?: OpenTelemetry
}

/** When a record was made, its headers, and where it lies. */
export interface SendOptions {
  /** Default: the wall clock. */
  readonly timestampMs?: number
  readonly headers?: Headers
  /** Default: by the key's bytes as Kafka does it, and 0 without a key. */
  readonly partition?: number
}

/** A topic to send records to. */
export interface TestInput<K, V> {
  /** Resolves when the record has gone through every step, and is committed. */
  readonly send: (key: K | null, value: V | null, options?: SendOptions) => Promise<void>
  /** Bytes as they are, for records that cannot be read. */
  readonly sendBytes: (
    key: Uint8Array | null,
    value: Uint8Array | null,
    options?: SendOptions,
  ) => Promise<void>
}

/** A record as it was written to a topic. */
export interface TestRecord<K, V> {
  readonly key: K
  readonly value: V
  readonly timestampMs: number
  readonly headers: Headers
  readonly partition: number
}

/**
 * Each call drains: it gives what was written since the last one, of all partitions in the order in
 * which it was written.
 */
export interface TestOutput<K, V> {
  /** With timestamps, headers and partitions. */
  readonly records: () => readonly TestRecord<K, V>[]
  /** The values alone. */
  readonly values: () => readonly V[]
  /** Pairs of key and value. */
  readonly keyValues: () => readonly (readonly [key: K, value: V])[]
  /** Sends each record on, with its timestamp and headers: to another topology, for example. */
  readonly pipeTo: (input: Pick<TestInput<K, V>, 'send'>) => Promise<void>
}

/**
 * Runs a topology without a broker and without waiting, over the same task code as an application:
 * a record that is sent has gone through every step when `send` resolves, and is committed, as in
 * Kafka Streams' `TopologyTestDriver`.
 */
export class TopologyTestDriver implements AsyncDisposable {
  readonly #topology: Topology
  readonly #clock: ManualClock
  readonly #serdes = new RemoteSerdes(schemas, silentLogger)
  /** Looked up once: a topology never changes, and every record that is sent asks. */
  readonly #asksRegistry: boolean
  #opened: Promise<void> | undefined
  readonly #tasks: DriverTasks
  /** What was dropped, skipped, dead-lettered and tried again so far. */
  readonly counters: Readonly<ThreadCounters>

  constructor(topology: Topology, options: TestDriverOptions = {}) {
    const { startMs = 0, cacheMaxBytes = 0, partitions = 1, tracing } = options
    const counters = newThreadCounters()
    const clock = new ManualClock(startMs)
    this.#topology = topology
    this.#clock = clock
    this.counters = counters
    const serdes = this.#serdes
    this.#asksRegistry = serdes.areNeededBy(topology)
    const how = { topology, partitions, cacheMaxBytes, tracing }
    this.#tasks = new DriverTasks({ ...how, clock, counters, serdes })
  }

  /** Where records of a topic come in. A topic that the topology does not read is refused. */
  input<K, V>(topic: Topic<K, V>): TestInput<K, V> {
    const known = this.#tasks.inputTopics
    if (!known.includes(topic.name)) throw notRead(topic.name, known)
    const sendBytes = async (
      key: Uint8Array | null,
      value: Uint8Array | null,
      options: SendOptions = {},
    ): Promise<void> => {
      if (this.#asksRegistry) await this.#open()
      const { timestampMs = this.#clock.nowMs(), headers = noHeaders, partition = null } = options
      this.#tasks.topics.append(topic.name, partition, { timestampMs, key, value, headers })
      this.#tasks.run()
      // Long enough for a schema to be found, or for a call to end that waits for nobody.
      const mayWait = this.#asksRegistry || this.#tasks.underWay > 0
      await (mayWait ? this.#breathe() : Promise.resolve())
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

  async #breathe(): Promise<void> {
    for (let turn = 0; turn < TURNS; turn += 1) await yieldToEventLoop()
  }

  /**
   * Until every asynchronous call has ended, and those that it led to. It waits for as long as they
   * take: a call that waits for the driver's clock has to be given its time first.
   */
  async settled(): Promise<void> {
    while (this.#tasks.underWay > 0) await yieldToEventLoop()
  }

  /** Its serdes have their ids from a registry in memory, which knows every schema. */
  #open(): Promise<void> {
    this.#opened ??= this.#serdes.openAll(this.#topology)
    return this.#opened
  }

  /** What was written to a topic. */
  output<K, V>(topic: Topic<K, V>): TestOutput<K, V> {
    const records = (): readonly TestRecord<K, V>[] =>
      this.#tasks.topics
        .drain(topic.name)
        .map(({ key, value, timestampMs, headers, partition }) => ({
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
      pipeTo: async (input) => {
        for (const { key, value, timestampMs, headers } of records()) {
          await input.send(key, value, { timestampMs, headers })
        }
      },
    }
  }

  /** What went to the dead-letter topic since the last call. */
  deadLetters(): readonly DeadLetter[] {
    const topic = this.#topology.deadLetters?.name
    return topic === undefined ? [] : this.#tasks.topics.drain(topic).map(deadLetterOf)
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
      const timerMs = this.#tasks.nextTimerMs()
      if (timerMs > untilMs) break
      await this.#moveTo(timerMs)
    }
    await this.#moveTo(untilMs)
  }

  async #moveTo(timeMs: number): Promise<void> {
    await this.#clock.advance(Math.max(0, timeMs - this.#clock.nowMs()))
    this.#tasks.punctuate()
    if (this.#tasks.underWay > 0) await this.#breathe()
  }

  /**
   * A store as the topology sees it. Where there are several partitions, that of all of them, or of
   * one: rows come partition by partition.
   */
  store<K, V>(
    name: string,
    { partition }: { readonly partition?: number } = {},
  ): ReadOnlyKeyValueStore<K, V> {
    return this.#tasks.store<K, V>(name, partition)
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

  /** The topology as text. */
  describe(): string {
    return describeAsText(this.#topology)
  }

  /** Closes the topology and its stores. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#tasks.close()
    await Promise.resolve()
  }
}

const notRead = (topic: string, known: readonly string[]): StreamsError =>
  new StreamsError('TOPIC_MISSING', {
    message: `the topology does not read topic "${topic}"`,
    hint: `Send to one of: ${known.join(', ')}.`,
  })
