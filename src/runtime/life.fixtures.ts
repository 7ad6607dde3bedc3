import type { Clock } from '../core/clock.ts'
import type { Logger } from '../core/logger.ts'
import type { TaskId } from '../core/task-id.ts'
import type { SimulatedCluster } from '../kafka/memory/simulated-cluster.ts'
import type { KafkaPort } from '../kafka/port.ts'
import type { SchemaRegistry } from '../serde/registry/schema-registry.ts'
import type { Topology } from '../topology/topology.ts'
import type { Disk } from './disk.fixtures.ts'
import type { GroupView } from './assignment/subscription.ts'
import { RemoteSerdes } from './task/remote-serdes.ts'
import type { LocalStorage } from './thread/local-storage.ts'
import { StreamThread } from './thread/stream-thread.ts'
import type { ThreadConfig } from './thread/thread-config.ts'
import type { ThreadState } from './thread/thread-state.ts'
import type { OpenTelemetry } from './tracing/open-telemetry.ts'

export const testConfig: Omit<ThreadConfig, 'applicationId' | 'processId'> = {
  threadIndex: 0,
  guarantee: 'exactly-once',
  commitIntervalMs: 40,
  checkpointIntervalMs: 60,
  dirtyBytesMax: 1024 * 1024,
  cacheMaxBytes: 0,
  readCacheMaxBytes: 1024 * 1024,
  maxTaskIdleMs: 0,
  sendBufferBytesMax: 1024 * 1024,
  sessionTimeoutMs: 1_000,
  heartbeatIntervalMs: 250,
  rebalanceTimeoutMs: 2_000,
  maxPollIntervalMs: 300_000,
  transactionTimeoutMs: 1_500,
  instanceId: null,
  compression: 'none',
  replicationFactor: -1,
  lingerMs: 1,
  standbys: 0,
  maxWarmups: 2,
  acceptableLag: 10_000,
}

const CONNECT_AGAIN_AFTER_MS = 100

export interface LifeOptions extends Partial<Omit<ThreadConfig, 'applicationId'>> {
  readonly topology: Topology
  readonly disk: Disk
  /** In place of the disk: a real one. */
  readonly storage?: LocalStorage
  /** Its name as a client of the cluster; one of its own for each life. */
  readonly clientId: string
  /** Of schemas, for topologies that need one. */
  readonly registry?: SchemaRegistry
  /** Where records are followed by spans. */
  readonly tracing?: OpenTelemetry
}

export interface Note {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly fields: Readonly<Record<string, unknown>>
  readonly message: string
}

/** One thread, from its start to its stop or crash. */
export class Life {
  readonly clientId: string
  readonly thread: StreamThread
  readonly states: ThreadState[] = []
  /** The group as it last heard of it. */
  group: GroupView | undefined
  /** What it logged. */
  readonly notes: Note[] = []
  /** Resolves to what the thread failed with; undefined after a clean end. */
  readonly ended: Promise<unknown>
  readonly #cluster: SimulatedCluster
  readonly #storage: ReturnType<Disk['mount']>
  readonly #clock: PausableClock
  #thaw = (): void => {}
  #dead = false

  constructor(
    { topology, disk, storage, clientId, registry, tracing, ...overrides }: LifeOptions,
    cluster: SimulatedCluster,
    clock: Clock,
    onNote: (life: Life, note: Note) => void,
  ) {
    this.clientId = clientId
    this.#cluster = cluster
    this.#storage = disk.mount()
    this.#clock = new PausableClock(clock)
    const port = cluster.port(clientId)
    const logger = loggerTo((note) => {
      this.notes.push(note)
      onNote(this, note)
    })
    const serdes = new RemoteSerdes(registry, logger)
    this.thread = new StreamThread({
      topology,
      config: { ...testConfig, applicationId: topology.name, processId: clientId, ...overrides },
      port,
      storage: storage ?? this.#storage,
      clock: this.#clock,
      openSerde: serdes.open,
      tracing,
      logger,
      onStateChange: (state) => this.states.push(state),
      onGroup: (group) => {
        this.group = group
      },
    })
    this.ended = this.#connected(port)
      .then(() => serdes.openAll(topology))
      .then(() => this.thread.run())
      .then(
        () => undefined,
        (error: unknown) => error,
      )
  }

  /** A process that finds no broker is started again, until there is one. */
  async #connected(port: KafkaPort): Promise<void> {
    while (!this.#dead) {
      try {
        await port.connect()
        return
      } catch {
        await this.#clock.sleep(CONNECT_AGAIN_AFTER_MS)
      }
    }
  }

  /** As `kill -9`: from now on it has no effect on the cluster nor on its disk. */
  crash(): void {
    this.#dead = true
    this.#cluster.faults.kill(this.clientId)
    this.#storage.unmount()
    this.thread.abort()
    this.#thaw()
  }

  get isDead(): boolean {
    return this.#dead
  }

  stop(): Promise<unknown> {
    this.thread.stop()
    return this.ended
  }

  /** As a long pause of its process: it sends nothing, and time passes it by. Returns the thaw. */
  freeze(): () => void {
    const thaw = this.#cluster.faults.freeze(this.clientId)
    const resume = this.#clock.pause()
    this.#thaw = () => {
      resume()
      thaw()
    }
    return this.#thaw
  }

  /** The tasks in the order in which it did this with them. */
  tasksThat(message: 'task running' | 'task closed'): readonly TaskId[] {
    return this.notes
      .filter((note) => note.message === message)
      .map(({ fields }) => fields.task as TaskId)
  }
}

/** Whoever sleeps while it is paused wakes when it goes on. */
class PausableClock implements Clock {
  readonly #clock: Clock
  #paused: PromiseWithResolvers<void> | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  readonly nowMs = (): number => this.#clock.nowMs()

  readonly sleep = async (ms: number, signal?: AbortSignal): Promise<void> => {
    await this.#clock.sleep(ms, signal)
    await this.#paused?.promise
  }

  pause(): () => void {
    const paused = Promise.withResolvers<void>()
    this.#paused = paused
    return () => {
      if (this.#paused === paused) this.#paused = undefined
      paused.resolve()
    }
  }
}

function loggerTo(note: (note: Note) => void): Logger {
  const at =
    (level: Note['level']) =>
    (fields: object, message: string): void =>
      note({ level, fields: { ...fields }, message })
  const logger: Logger = {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: () => logger,
  }
  return logger
}
