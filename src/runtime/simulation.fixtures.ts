/** What the tests of this room share: stream threads on a simulated cluster, on a clock moved by hand. */
import { ManualClock } from '../core/manual-clock.ts'
import { assert, StreamsError } from '../core/errors.ts'
import { silentLogger, type Logger } from '../core/logger.ts'
import { noHeaders, type Headers, type RawRecord } from '../core/record.ts'
import { parseTaskId, type TaskId } from '../core/task-id.ts'
import {
  SimulatedCluster,
  type SimulatedClusterOptions,
} from '../kafka/memory/simulated-cluster.ts'
import type { KafkaPort } from '../kafka/port.ts'
import { BatchBuilder } from '../kafka/wire/batch-builder.ts'
import { partitionForKey } from '../kafka/wire/murmur2.ts'
import type { StateBackend } from '../state/backend.ts'
import { memoryBackend } from '../state/memory/memory-backend.ts'
import type { Topology } from '../topology/topology.ts'
import type { LocalStorage } from './thread/local-storage.ts'
import { StreamThread } from './thread/stream-thread.ts'
import type { ThreadConfig } from './thread/thread-config.ts'
import type { ThreadState } from './thread/thread-state.ts'

export const bytesOf = (text: string): Uint8Array => Buffer.from(text)
export const textOf = (bytes: Uint8Array | null): string | null =>
  bytes === null ? null : Buffer.from(bytes).toString()

/** Where simulated time begins; records of a test are best dated before it. */
export const START_MS = 1_700_000_000_000

/** A run that takes longer than this of simulated time has got stuck. */
const STUCK_AFTER_MS = 600_000

export interface InputRecord {
  readonly topic: string
  readonly key: string | null
  readonly value: string | null
  readonly timestampMs: number
  readonly headers?: Headers
}

/** A disk that outlives the processes that use it. */
export class Disk {
  readonly #backends = new Map<TaskId, StateBackend>()
  /** Tasks that a living process has open. */
  readonly #open = new Set<TaskId>()
  /** Tasks whose files cannot be read. */
  readonly corrupted = new Set<TaskId>()

  /** For one process; after `unmount` it can write no more, as if it had been killed. */
  mount(): LocalStorage & { readonly unmount: () => void } {
    let mounted = true
    const mine = new Set<TaskId>()
    return {
      open: (task) => {
        assert(!mounted || !this.#open.has(task), `task ${task} is open in one thread at a time`)
        if (this.corrupted.has(task)) throw corrupted(task)
        if (mounted) this.#open.add(task)
        mine.add(task)
        const backend = this.backend(task)
        return {
          store: backend.store,
          position: backend.position,
          checkpoint: (batches) => {
            assert(!mounted || mine.has(task), 'a closed store is not written')
            if (mounted) backend.checkpoint(batches)
          },
          wipe: (store) => {
            if (mounted) backend.wipe(store)
          },
          close: () => {
            if (mounted) this.#open.delete(task)
            mine.delete(task)
            return Promise.resolve()
          },
        }
      },
      wipe: (task) => {
        assert(!mine.has(task), 'an open store is not wiped')
        this.corrupted.delete(task)
        if (mounted) this.#backends.delete(task)
      },
      tasks: () => [...this.#backends.keys()],
      unmount: () => {
        mounted = false
        for (const task of mine) this.#open.delete(task)
      },
    }
  }

  backend(task: TaskId): StateBackend {
    let backend = this.#backends.get(task)
    if (backend === undefined) {
      backend = memoryBackend()
      this.#backends.set(task, backend)
    }
    return backend
  }

  get tasks(): readonly TaskId[] {
    return [...this.#backends.keys()]
  }
}

export const testConfig: Omit<ThreadConfig, 'applicationId' | 'processId'> = {
  threadIndex: 0,
  guarantee: 'exactly-once',
  commitIntervalMs: 40,
  checkpointIntervalMs: 60,
  dirtyBytesMax: 1024 * 1024,
  cacheMaxBytes: 0,
  readCacheMaxBytes: 1024 * 1024,
  sendBufferBytesMax: 1024 * 1024,
  sessionTimeoutMs: 1_000,
  heartbeatIntervalMs: 250,
  rebalanceTimeoutMs: 2_000,
  transactionTimeoutMs: 1_500,
  instanceId: null,
  compression: 'none',
  replicationFactor: -1,
  lingerMs: 1,
}

export interface LifeOptions extends Partial<Omit<ThreadConfig, 'applicationId'>> {
  readonly topology: Topology
  readonly disk: Disk
  /** Its name as a client of the cluster; one of its own for each life. */
  readonly clientId: string
  readonly logger?: Logger
}

/** One thread, from its start to its stop or crash. */
export interface Life {
  readonly clientId: string
  readonly thread: StreamThread
  readonly states: readonly ThreadState[]
  /** Resolves to what the thread failed with; undefined after a clean end. */
  readonly ended: Promise<unknown>
  /** As `kill -9`: from now on it has no effect on the cluster nor on its disk. */
  readonly crash: () => void
  readonly stop: () => Promise<unknown>
}

export class Simulation implements Disposable {
  readonly clock = new ManualClock(START_MS)
  readonly cluster: SimulatedCluster
  readonly lives: Life[] = []

  constructor(options: Partial<SimulatedClusterOptions> = {}) {
    this.cluster = new SimulatedCluster({
      clock: this.clock,
      sessionTimeoutMinMs: 100,
      ...options,
    })
  }

  /** Starts a thread; it runs while the clock is moved. */
  start(options: LifeOptions): Life {
    const { topology, disk, clientId, logger = silentLogger, ...overrides } = options
    const { clock, cluster } = this
    const storage = disk.mount()
    const states: ThreadState[] = []
    const port = cluster.port(clientId)
    const thread = new StreamThread({
      topology,
      config: { ...testConfig, applicationId: topology.name, processId: clientId, ...overrides },
      port,
      storage,
      clock,
      logger,
      onStateChange: (state) => states.push(state),
    })
    const ended = port
      .connect()
      .then(() => thread.run())
      .then(
        () => undefined,
        (error: unknown) => error,
      )
    const life: Life = {
      clientId,
      thread,
      states,
      ended,
      crash: () => {
        cluster.faults.kill(clientId)
        storage.unmount()
        thread.abort()
      },
      stop: () => {
        thread.stop()
        return ended
      },
    }
    this.lives.push(life)
    return life
  }

  async connect(clientId: string): Promise<KafkaPort> {
    const port = this.cluster.port(clientId)
    await port.connect()
    return port
  }

  /** Puts records into their topics, by key where they have one, at this very moment. */
  write(records: readonly InputRecord[], partitions = 2): void {
    for (const { topic, key, value, timestampMs, headers = noHeaders } of records) {
      const builder = new BatchBuilder(256)
      const keyBytes = key === null ? null : bytesOf(key)
      builder.append(timestampMs, keyBytes, value === null ? null : bytesOf(value), headers)
      const partition = keyBytes === null ? 0 : partitionForKey(keyBytes, partitions)
      const batch = builder.finish({
        producerId: -1,
        epoch: -1,
        baseSequence: -1,
        transactional: false,
        compression: 'none',
      })
      this.cluster.appendForeign(topic, partition, batch)
    }
  }

  /** Waits in simulated time; rejects when it does not come true. */
  async until(holds: () => boolean, what: string, everyMs = 10): Promise<void> {
    const giveUpAtMs = this.clock.nowMs() + STUCK_AFTER_MS
    while (!holds()) {
      if (this.clock.nowMs() >= giveUpAtMs) {
        const seen = this.lives.map(({ clientId, thread }) => [clientId, thread.snapshot()])
        throw new Error(`never: ${what}; ${JSON.stringify(seen)}`)
      }
      await this.clock.sleep(everyMs)
    }
  }

  /** Whether the group has committed everything that is in these topics. */
  hasCommitted(groupId: string, topics: readonly string[], partitions = 2): boolean {
    const offsets = this.cluster.groupState(groupId)?.offsets
    return topics.every((topic) =>
      Array.from({ length: partitions }, (_, partition) => partition).every((partition) => {
        const end = this.cluster.endOffset(topic, partition)
        return end === 0 || offsets?.get(`${topic}-${partition}`) === end
      }),
    )
  }

  /** What a read-committed consumer sees, partition by partition. */
  committed(topic: string, partitions = 2): readonly (readonly RawRecord[])[] {
    return Array.from({ length: partitions }, (_, partition) =>
      this.cluster.records(topic, partition, 'read_committed'),
    )
  }

  /** A changelog folded into what a store must hold. */
  folded(topic: string, partitions = 2): Rows {
    return fold(this.committed(topic, partitions).flat())
  }

  [Symbol.dispose](): void {
    for (const life of this.lives) life.crash()
    this.cluster[Symbol.dispose]()
  }
}

type Rows = Readonly<Record<string, string>>

/** What a disk holds, store by store, and what the changelogs say that it must hold. */
export function storedAndLogged(
  { cluster }: Simulation,
  disk: Disk,
  { name, subTopologies }: Topology,
): { readonly stored: Record<string, Rows>; readonly logged: Record<string, Rows> } {
  const stored: Record<string, Rows> = {}
  const logged: Record<string, Rows> = {}
  for (const task of disk.tasks) {
    const backend = disk.backend(task)
    const { subTopology, partition } = parseTaskId(task)
    for (const store of subTopologies[subTopology]?.stores ?? []) {
      const position = backend.position(store) ?? 0
      const rows = [...backend.store(store).range(null, null, 'forward')]
      stored[`${task} ${store} at ${position}`] = Object.fromEntries(
        // Without the timestamp in front of each value.
        rows.map(([key, value]) => [textOf(key), textOf(value.subarray(8))]),
      )
      const changes = cluster
        .records(`${name}-${store}-changelog`, partition, 'read_committed')
        .filter(({ offset }) => offset < position)
      logged[`${task} ${store} at ${position}`] = fold(changes)
    }
  }
  return { stored, logged }
}

function fold(changes: readonly RawRecord[]): Rows {
  const rows = new Map<string, string>()
  for (const { key, value } of changes) {
    const name = textOf(key) ?? ''
    if (value === null) rows.delete(name)
    else rows.set(name, textOf(value) ?? '')
  }
  return Object.fromEntries(rows)
}

const corrupted = (task: TaskId): StreamsError =>
  new StreamsError('STATE_CORRUPTED', {
    message: `the files of task ${task} are broken`,
    hint: 'None: the test ordered it.',
  })
