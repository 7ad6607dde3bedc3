import { systemClock } from '../core/clock.ts'
import type { ThreadSnapshot } from '../runtime/thread/thread-snapshot.ts'
import type { StateDirectory } from '../runtime/state-directory/state-directory.ts'
import type { HttpServer } from '../server/http-server.ts'
import type { StoreSpec } from '../state/store-spec.ts'
import type { Topology } from '../topology/topology.ts'
import { ApplicationStores, type Instance, type KeyMetadata } from './application-stores.ts'
import type { ApplicationLife, ApplicationState, StateListener } from './application-state.ts'
import { liveness, readiness, type Health, type Patience } from './health.ts'
import { metricsText, type ProcessUse } from './metrics-text.ts'
import { routesOf } from './routes.ts'
import type { StoreView } from './store-view.ts'
import type { ThreadPool } from './thread-pool.ts'

export type { ApplicationState, Instance, KeyMetadata, StoreView }

/** Who probes has little patience: Kubernetes a second, unless it is told otherwise. */
const PROBE_WITHIN_MS = 800

/** What an application is joined from, beside its threads. */
export interface ApplicationParts {
  readonly applicationId: string
  readonly life: ApplicationLife
  readonly directory: StateDirectory
  /** It listens; undefined: nothing is served. */
  readonly http: HttpServer | undefined
  /** Who asks over HTTP has to show it; undefined: nothing. */
  readonly httpToken?: string | undefined
  readonly patience: Patience
}

/** A topology at work in this process. `await using` drains, commits and leaves the group. */
export class Application implements AsyncDisposable {
  readonly #pool: ThreadPool
  readonly #life: ApplicationLife
  readonly #directory: StateDirectory
  readonly #stores: ApplicationStores
  readonly #http: HttpServer | undefined
  readonly #patience: Patience
  #stopping: Promise<void> | undefined
  /** Resolves after a clean stop; rejects with the error that ended the application. */
  readonly finished: Promise<void>
  readonly applicationId: string

  constructor(topology: Topology, pool: ThreadPool, parts: ApplicationParts) {
    const { life, directory, http, httpToken, applicationId, patience } = parts
    this.applicationId = applicationId
    this.#http = http
    this.#patience = patience
    this.#pool = pool
    this.#life = life
    this.#directory = directory
    this.#stores = new ApplicationStores({
      topology,
      processId: directory.processId,
      threads: () => pool.threads,
      clock: systemClock,
      token: httpToken,
    })
    this.finished = this.#finish()
    // Whoever awaits `finished` sees the failure; nobody has to.
    this.finished.catch(() => {})
    http?.serve(routesOf(this, this.#stores.reader), httpToken)
  }

  /** Where it is served over HTTP, `http://127.0.0.1:8080` for example; undefined: nowhere. */
  get url(): string | undefined {
    return this.#http?.url
  }

  get state(): ApplicationState {
    return this.#life.state
  }

  /** Follows the state; returns what ends that. The listener is called after each change. */
  onStateChange(listener: StateListener): () => void {
    return this.#life.onStateChange(listener)
  }

  /** Every metric in the text format of Prometheus; see docs/guide/operating.md. */
  async metrics(): Promise<string> {
    const threads = await this.snapshot()
    const { applicationId, state, isPaused } = this
    const aliveThreads = this.#pool.threads.length
    const pool = { isPaused, aliveThreads, failedThreads: this.#pool.failedCount }
    return metricsText({ applicationId, state, threads, ...pool, process: processUse() })
  }

  /** Whether every thread is at work, or waits with a reason: if not, the process should end. */
  async live(): Promise<Health> {
    const signs = await Promise.all(
      this.#pool.entries.map(async ([thread, worker]) => {
        const snapshot = await worker.snapshot(
          Math.min(this.#patience.stuckAfterMs, PROBE_WITHIN_MS),
        )
        return { thread, silentMs: worker.silentMs, snapshot }
      }),
    )
    return liveness(this.state, signs, this.#patience)
  }

  /** Whether its state is restored and it processes records; false as soon as it is to stop. */
  ready(): Health {
    return readiness(this.state)
  }

  /** One entry a living thread that answers. */
  async snapshot(): Promise<readonly ThreadSnapshot[]> {
    const snapshots = await Promise.all(this.#pool.threads.map((worker) => worker.snapshot()))
    return snapshots.filter((snapshot) => snapshot !== undefined)
  }

  /** What the topology keeps, by name. */
  get stores(): readonly StoreSpec[] {
    return this.#stores.specs
  }

  /** For reads from outside; `STORE_MISSING` where the topology has none of that name. */
  store(name: string): StoreView {
    return this.#stores.view(name)
  }

  /**
   * The instances of the application as the last rebalance left them, this one too; none where
   * none of them has an address to be asked at.
   */
  instances(): readonly Instance[] {
    return this.#stores.instances()
  }

  /**
   * Which instance has a key of a store (of windows: without its window), and which follow it.
   * Throws `STORE_UNAVAILABLE` while that is not known here.
   */
  metadataFor(store: string, key: unknown): KeyMetadata {
    return this.#stores.metadataFor(store, key)
  }

  /**
   * Another thread (KIP-663), with a free number, which is returned; the group gives it tasks as to
   * any member that joins. Undefined once the application is to stop.
   */
  addThread(): number | undefined {
    return this.#pool.add()
  }

  /**
   * Stops the thread with the highest number, cleanly, and resolves to that number when its tasks
   * are free for others. Without any thread the application goes on, and does nothing. Undefined
   * where there is none to remove, or the application is to stop.
   */
  removeThread(): Promise<number | undefined> {
    return this.#pool.remove()
  }

  /**
   * Every thread of this process commits what it has done and processes no more, until `resume`
   * (KIP-834). It stays in the group with its tasks; restoring and standbys go on.
   */
  pause(): void {
    this.#pool.pause(true)
  }

  /** Goes on where `pause` has stopped. */
  resume(): void {
    this.#pool.pause(false)
  }

  get isPaused(): boolean {
    return this.#pool.isPaused
  }

  /** Finishes, commits, leaves the group; the same promise however often it is called. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  async #stop(): Promise<void> {
    const { state } = this.#life
    if (state === 'created' || state === 'rebalancing' || state === 'running') {
      this.#life.moveTo('pending-shutdown')
    }
    this.#pool.stop()
    await this.finished.catch(() => {})
  }

  /** As `stop`: for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  async #finish(): Promise<void> {
    try {
      await this.#pool.finished
      this.#life.moveTo('not-running')
    } catch (error) {
      this.#life.moveTo('error')
      throw error
    } finally {
      this.#directory[Symbol.dispose]()
      await this.#http?.close()
    }
  }
}

function processUse(): ProcessUse {
  const { user, system } = process.cpuUsage()
  return { residentBytes: process.memoryUsage.rss(), cpuSeconds: (user + system) / 1e6 }
}
