import { appendFile, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock } from '../../src/core/clock.ts'
import { startWorker, type WorkerProcess } from '../support/worker-process.ts'

/** How long a process may take until it listens to SIGTERM, however busy the machine is. */
const LISTENING_MS_MAX = 60_000
const LOOK_MS = 100
const LAST_WORDS_LINES = 12

export interface FleetOptions {
  readonly topology: string
  readonly processes: number
  /** State and logs of each process. */
  readonly folder: string
  /** Of `millrace run`, beside the state directory. */
  readonly options: (index: number) => Readonly<Record<string, string>>
  /** Modules that each process loads first. */
  readonly preload?: readonly string[]
}

/** Processes of one application, to be killed, frozen and started again, each on its own disk. */
export class Fleet implements AsyncDisposable {
  readonly #options: FleetOptions
  readonly #workers: WorkerProcess[] = []
  /** For each process, so that blows on it fall one after the other. */
  readonly #turns: Promise<void>[] = []
  /** Those whose end is our doing. */
  readonly #told = new WeakSet<WorkerProcess>()
  /** Processes that ended by themselves, or not as they should. */
  readonly failures: string[] = []
  #isClosed = false

  constructor(options: FleetOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#options.processes
  }

  stateDirectory(index: number): string {
    return join(this.#options.folder, `process-${index}`)
  }

  get stateDirectories(): readonly string[] {
    return Array.from({ length: this.size }, (_, index) => this.stateDirectory(index))
  }

  /** Of the process as it is now. */
  worker(index: number): WorkerProcess {
    const worker = this.#workers[index]
    if (worker === undefined) throw new Error(`process ${index} was never started`)
    return worker
  }

  async start(): Promise<void> {
    await mkdir(this.#options.folder, { recursive: true })
    for (let index = 0; index < this.size; index += 1) {
      this.#turns.push(Promise.resolve())
      this.#start(index)
    }
  }

  #start(index: number): void {
    if (this.#isClosed) return
    const { topology, options, preload } = this.#options
    const own = { 'state-dir': this.stateDirectory(index), 'log-level': 'info' }
    const worker = startWorker(topology, { ...own, ...options(index) }, preload)
    this.#workers[index] = worker
    void worker.exited.then((code) => {
      if (this.#told.has(worker)) return
      // It refuses to start while no broker answers, and whoever runs services starts it again.
      if (/^error BROKER_UNREACHABLE/m.test(worker.output())) this.#start(index)
      else this.#fail(index, worker, `ended by itself with code ${code}`)
    })
  }

  #fail(index: number, worker: WorkerProcess, what: string): void {
    const lastWords = worker.output().trimEnd().split('\n').slice(-LAST_WORDS_LINES)
    this.failures.push([`process ${index} ${what}:`, ...lastWords].join('\n  '))
  }

  /** `kill -9`; started again after a time. */
  kill(index: number, forMs: number): Promise<void> {
    return this.#inTurn(index, async (worker) => {
      this.#told.add(worker)
      await worker.kill()
      await this.#keepLog(index, worker)
      await systemClock.sleep(forMs)
      this.#start(index)
    })
  }

  /** SIGSTOP, and SIGCONT after a time. */
  freeze(index: number, forMs: number): Promise<void> {
    return this.#inTurn(index, async (worker) => {
      worker.signal('SIGSTOP')
      await systemClock.sleep(forMs)
      worker.signal('SIGCONT')
    })
  }

  /** SIGTERM; started again when it has ended. */
  restart(index: number): Promise<void> {
    return this.#inTurn(index, async (worker) => {
      await this.#stop(index, worker)
      this.#start(index)
    })
  }

  /** All of them, one after the other. */
  async roll(): Promise<void> {
    for (let index = 0; index < this.size; index += 1) await this.restart(index)
  }

  /** All of them, together; for good. */
  async stop(): Promise<void> {
    await Promise.all(
      this.#workers.map((_, index) => this.#inTurn(index, (worker) => this.#stop(index, worker))),
    )
  }

  async #stop(index: number, worker: WorkerProcess): Promise<void> {
    await this.#untilListening(worker)
    this.#told.add(worker)
    const code = await worker.stop()
    if (code !== 0) this.#fail(index, worker, `ended with code ${code} after SIGTERM`)
    await this.#keepLog(index, worker)
  }

  /** One that is still loading its modules does not listen to SIGTERM. */
  async #untilListening(worker: WorkerProcess): Promise<void> {
    const untilMs = systemClock.nowMs() + LISTENING_MS_MAX
    while (!/application (?:rebalancing|running)/.test(worker.output())) {
      if (systemClock.nowMs() > untilMs) return
      await systemClock.sleep(LOOK_MS)
    }
  }

  #inTurn(index: number, blow: (worker: WorkerProcess) => Promise<void>): Promise<void> {
    const turn = (this.#turns[index] as Promise<void>).then(() => blow(this.worker(index)))
    this.#turns[index] = turn
    return turn
  }

  #keepLog(index: number, worker: WorkerProcess): Promise<void> {
    return appendFile(join(this.#options.folder, `process-${index}.log`), worker.output())
  }

  /** Nothing is left behind, whatever has happened. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true
    for (const worker of this.#workers) this.#told.add(worker)
    await Promise.all(this.#workers.map((worker) => worker.kill()))
  }
}
