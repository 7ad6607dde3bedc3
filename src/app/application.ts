import { isStreamsError, StreamsError } from '../core/errors.ts'
import type { ThreadSnapshot } from '../runtime/thread/thread-snapshot.ts'
import type { StateDirectory } from '../runtime/state-directory/state-directory.ts'
import type { Serde } from '../serde/serde.ts'
import { storeNamesOf, storeSpecOf, type Topology } from '../topology/topology.ts'
import type { ApplicationLife, ApplicationState, StateListener } from './application-state.ts'
import type { StreamWorker } from './stream-worker.ts'

export type { ApplicationState }

/** Reads of a store's local part, from outside the topology. */
export interface LocalStoreView {
  /**
   * The latest value of a key that this application's own threads hold, which may not be committed
   * yet. Throws `STORE_UNAVAILABLE` while no running task here owns the key, or while a global
   * store is being read.
   */
  readonly get: (key: unknown) => Promise<unknown>
}

/** A topology at work in this process. `await using` drains, commits and leaves the group. */
export class Application implements AsyncDisposable {
  readonly #topology: Topology
  readonly #workers: readonly StreamWorker[]
  readonly #life: ApplicationLife
  readonly #directory: StateDirectory
  #stopping: Promise<void> | undefined
  /** Resolves after a clean stop; rejects with the error that ended the application. */
  readonly finished: Promise<void>

  constructor(
    topology: Topology,
    workers: readonly StreamWorker[],
    life: ApplicationLife,
    directory: StateDirectory,
  ) {
    this.#topology = topology
    this.#workers = workers
    this.#life = life
    this.#directory = directory
    this.finished = this.#finish()
    // Whoever awaits `finished` sees the failure; nobody has to.
    this.finished.catch(() => {})
  }

  get state(): ApplicationState {
    return this.#life.state
  }

  onStateChange(listener: StateListener): () => void {
    return this.#life.onStateChange(listener)
  }

  /** One entry a living thread. */
  async snapshot(): Promise<readonly ThreadSnapshot[]> {
    const snapshots = await Promise.all(this.#workers.map((worker) => worker.snapshot()))
    return snapshots.filter((snapshot) => snapshot !== undefined)
  }

  store(name: string): LocalStoreView {
    const spec = storeSpecOf(this.#topology, name)
    if (spec === undefined) {
      throw new StreamsError('STORE_MISSING', {
        message: `the topology has no store "${name}"`,
        hint: `Ask for one of: ${storeNamesOf(this.#topology).join(', ')}.`,
      })
    }
    // Of a window or session store a windowed key, which only its caller knows.
    const keySerde = spec.key as Serde<unknown>
    return {
      get: async (key) => {
        const bytes = keySerde.serialize(key)
        const answers = await Promise.all(this.#workers.map((worker) => worker.get(name, bytes)))
        const owner = answers.find((answer) => answer !== undefined)
        if (owner === undefined) throw unavailable(name)
        if (owner.found === undefined) return undefined
        await spec.value.remote?.ready(owner.found.value)
        return spec.value.deserialize(owner.found.value)
      },
    }
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
    for (const worker of this.#workers) worker.stop()
    await this.finished.catch(() => {})
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  /** The first thread to fail stops the others: its tasks would only fail elsewhere too. */
  async #finish(): Promise<void> {
    try {
      await Promise.all(this.#workers.map((worker) => worker.finished))
      this.#life.moveTo('not-running')
    } catch (error) {
      if (this.#life.state !== 'pending-error') this.#life.moveTo('pending-error')
      for (const worker of this.#workers) worker.stop()
      await Promise.allSettled(this.#workers.map((worker) => worker.finished))
      this.#life.moveTo('error')
      throw isStreamsError(error) ? error : failed(error)
    } finally {
      this.#directory[Symbol.dispose]()
    }
  }
}

const failed = (cause: unknown): StreamsError =>
  new StreamsError('THREAD_FAILED', {
    message: `a stream thread died: ${String(cause)}`,
    hint: 'This is not an error Millrace expects: run with --verbose and report the trace.',
    cause,
  })

const unavailable = (store: string): StreamsError =>
  new StreamsError('STORE_UNAVAILABLE', {
    message: `no running task of this application owns that key of store "${store}"`,
    hint: 'Ask again when the application is running, or ask the instance that owns the key.',
  })
