import type { Clock } from '../../core/clock.ts'
import type { Logger } from '../../core/logger.ts'
import type { SimulatedCluster } from '../../kafka/memory/simulated-cluster.ts'
import type { KafkaPort } from '../../kafka/port.ts'
import { RemoteSerdes } from '../../runtime/task/remote-serdes.ts'
import { StreamThread } from '../../runtime/thread/stream-thread.ts'
import type { ThreadConfig } from '../../runtime/thread/thread-config.ts'
import type { Topology } from '../../topology/topology.ts'
import type { SimulatedDisk } from './disk.ts'
import type { Network } from './network.ts'
import type { Trace } from './trace.ts'
import type { VirtualClock } from './virtual-clock.ts'

const CONNECT_AGAIN_AFTER_MS = 100

export interface Surroundings {
  readonly cluster: SimulatedCluster
  readonly clock: VirtualClock
  readonly network: Network
  readonly trace: Trace
}

export interface MachineOptions extends Surroundings {
  readonly name: string
  readonly topology: Topology
  readonly threads: number
  readonly config: Omit<ThreadConfig, 'processId' | 'threadIndex' | 'applicationId'>
  /** Static members keep their place while they are away. */
  readonly isStatic: boolean
  readonly newDisk: () => SimulatedDisk
}

/** Where one process after the other runs, on the same disk until that is lost. */
export class Machine {
  readonly name: string
  readonly #options: MachineOptions
  readonly clock: MachineClock
  disk: SimulatedDisk
  readonly #disks: SimulatedDisk[] = []
  life: Life | undefined
  #starts = 0

  constructor(options: MachineOptions) {
    this.name = options.name
    this.#options = options
    this.clock = new MachineClock(options.clock)
    this.disk = options.newDisk()
    this.#disks.push(this.disk)
  }

  /** All that it ever had. */
  get disks(): readonly SimulatedDisk[] {
    return this.#disks
  }

  start(): void {
    this.#starts += 1
    this.life = new Life(this.#options, {
      id: `${this.name}.${this.#starts}`,
      // The name is in the state directory.
      processId: `${this.name}-${this.#disks.length}`,
      disk: this.disk,
      clock: this.clock,
    })
  }

  loseDisk(): void {
    this.disk = this.#options.newDisk()
    this.#disks.push(this.disk)
  }
}

/** One process, from its start to its end. */
export class Life {
  readonly id: string
  readonly threads: readonly StreamThread[]
  /** What its threads failed with. */
  readonly failures: unknown[] = []
  /** Resolves when all of its threads have ended. */
  readonly ended: Promise<void>
  readonly #storages: readonly ReturnType<SimulatedDisk['mount']>[]
  readonly #cluster: SimulatedCluster
  readonly #clock: ProcessClock
  readonly #clientIds: readonly string[]
  #dead = false

  constructor(
    options: MachineOptions,
    own: {
      readonly id: string
      readonly processId: string
      readonly disk: SimulatedDisk
      readonly clock: Clock
    },
  ) {
    const { topology, config, cluster, network, trace, isStatic } = options
    this.id = own.id
    this.#cluster = cluster
    this.#clock = new ProcessClock(own.clock)
    this.#clientIds = Array.from({ length: options.threads }, (_, index) => `${own.id}.${index}`)
    this.#storages = this.#clientIds.map(() => own.disk.mount())
    const running: Promise<void>[] = []
    this.threads = this.#clientIds.map((clientId, threadIndex) => {
      const port = network.port(clientId, this.#clock)
      const logger = loggerTo(trace, clientId)
      const thread = new StreamThread({
        topology,
        config: {
          ...config,
          applicationId: topology.name,
          processId: own.processId,
          threadIndex,
          instanceId: isStatic ? `${options.name}-${threadIndex}` : null,
        },
        port,
        storage: this.#storages[threadIndex]!,
        clock: this.#clock,
        openSerde: new RemoteSerdes(undefined, logger).open,
        logger,
        onStateChange: (state) => trace.note(clientId, () => `is ${state}`),
      })
      running.push(
        this.#connected(port)
          .then(() => thread.run())
          .catch((error: unknown) => {
            if (this.#dead) return
            trace.note(clientId, () => `failed: ${String(error)}`)
            this.failures.push(error)
          }),
      )
      return thread
    })
    this.ended = Promise.all(running).then(() => {})
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

  get isDead(): boolean {
    return this.#dead
  }

  get clientIds(): readonly string[] {
    return this.#clientIds
  }

  get isRunning(): boolean {
    return !this.#dead && this.threads.every(({ state }) => state === 'running')
  }

  /** As `kill -9`: from now on it has no effect on the cluster nor on its disk. */
  crash(): void {
    this.#dead = true
    for (const clientId of this.#clientIds) this.#cluster.faults.kill(clientId)
    for (const storage of this.#storages) storage.unmount()
    for (const thread of this.threads) thread.abort()
    this.#clock.goOn()
  }

  stop(): Promise<void> {
    for (const thread of this.threads) thread.stop()
    return this.ended
  }

  /** As `kill -STOP`: it sends nothing, hears nothing, and time passes it by. */
  pause(): void {
    this.#clock.pause()
  }

  goOn(): void {
    this.#clock.goOn()
  }
}

/** A clock that somebody may set. */
class MachineClock implements Clock {
  readonly #clock: Clock
  #aheadMs = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  readonly nowMs = (): number => this.#clock.nowMs() + this.#aheadMs
  readonly sleep: Clock['sleep'] = (ms, signal) => this.#clock.sleep(ms, signal)

  jump(ms: number): void {
    this.#aheadMs += ms
  }
}

/** Whoever sleeps while the process is paused wakes when it goes on. */
class ProcessClock implements Clock {
  readonly #clock: Clock
  #paused: PromiseWithResolvers<void> | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  readonly pass = async (): Promise<void> => {
    while (this.#paused !== undefined) await this.#paused.promise
  }

  readonly nowMs = (): number => this.#clock.nowMs()

  readonly sleep = async (ms: number, signal?: AbortSignal): Promise<void> => {
    await this.#clock.sleep(ms, signal)
    await this.pass()
  }

  pause(): void {
    this.#paused ??= Promise.withResolvers<void>()
  }

  goOn(): void {
    const paused = this.#paused
    this.#paused = undefined
    paused?.resolve()
  }
}

function loggerTo(trace: Trace, who: string): Logger {
  const at =
    (level: string) =>
    (fields: object, message: string): void =>
      trace.note(who, () => `${level} ${message} ${fieldsText(fields)}`)
  const logger: Logger = {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: () => logger,
  }
  return logger
}

const fieldsText = (fields: object): string =>
  Object.entries(fields)
    .map(
      ([name, value]) =>
        `${name}=${value instanceof Error ? value.message : JSON.stringify(value)}`,
    )
    .join(' ')
