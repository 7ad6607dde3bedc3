import type { Clock } from '../core/clock.ts'
import { isStreamsError, messageOf, StreamsError } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { MemoryShare } from '../runtime/thread/thread-config.ts'
import type { ThreadState } from '../runtime/thread/thread-state.ts'
import type { ApplicationLife } from './application-state.ts'
import type { StreamWorker } from './stream-worker.ts'
import { reactionTo, Replacements, type UncaughtErrorPolicy } from './uncaught-error.ts'

/** What it needs of a thread. */
export type ApplicationThread = Pick<
  StreamWorker,
  | 'state'
  | 'finished'
  | 'stop'
  | 'pause'
  | 'share'
  | 'snapshot'
  | 'silentMs'
  | 'group'
  | 'get'
  | 'scan'
>

export interface ThreadPoolOptions {
  /** How many to begin with. */
  readonly threads: number
  /** The thread with this number, one of so many. */
  readonly startThread: (
    index: number,
    threads: number,
    onStateChange: () => void,
  ) => ApplicationThread
  /** What each of so many threads may take; `INVALID_CONFIG` where there cannot be so many. */
  readonly shareOf: (threads: number) => MemoryShare
  readonly life: ApplicationLife
  readonly onUncaughtError: UncaughtErrorPolicy
  /** Tells the other instances that all of them are to stop. */
  readonly stopApplication: (error: StreamsError, thread: number) => Promise<void>
  readonly clock: Clock
  readonly logger: Logger
}

/**
 * The threads of an application: added, removed and replaced while it runs. A number that is free
 * is used again, so that a thread finds the transactional id of the one before it.
 */
export class ThreadPool {
  readonly #options: ThreadPoolOptions
  readonly #threads = new Map<number, ApplicationThread>()
  /** Numbers of threads that have failed and are about to be replaced. */
  readonly #waiting = new Set<number>()
  /** Numbers of threads that have been told to go. */
  readonly #leaving = new Set<number>()
  readonly #replacements = new Replacements()
  readonly #stopping = new AbortController()
  readonly #ended = Promise.withResolvers<void>()
  #paused = false
  #failedCount = 0
  #failure: StreamsError | undefined
  /** While the other instances are told. */
  #telling: Promise<void> | undefined
  /** Resolves after a clean stop; rejects with the error that ended the application. */
  readonly finished: Promise<void> = this.#ended.promise

  constructor(options: ThreadPoolOptions) {
    this.#options = options
    for (let index = 0; index < options.threads; index += 1) this.#start(index, options.threads)
  }

  /** Those that have not ended. */
  get threads(): readonly ApplicationThread[] {
    return [...this.#threads.values()]
  }

  /** The same by their numbers. */
  get entries(): readonly (readonly [index: number, thread: ApplicationThread])[] {
    return [...this.#threads]
  }

  /** Threads that have failed since the start. */
  get failedCount(): number {
    return this.#failedCount
  }

  get isPaused(): boolean {
    return this.#paused
  }

  pause(paused: boolean): void {
    this.#paused = paused
    for (const thread of this.threads) thread.pause(paused)
  }

  /** Its number; undefined once the application is to stop. */
  add(): number | undefined {
    if (this.#stopping.signal.aborted) return undefined
    const threads = this.#threads.size + this.#waiting.size + 1
    const memory = this.#options.shareOf(threads)
    const index = this.#freeIndex()
    for (const thread of this.threads) thread.share(memory)
    this.#options.logger.info({ thread: index, threads }, 'a thread is added')
    this.#start(index, threads)
    this.#follow()
    return index
  }

  /** The number of the thread that has ended; undefined where there is none to remove. */
  async remove(): Promise<number | undefined> {
    const staying = [...this.#threads.keys()].filter((index) => !this.#leaving.has(index))
    const index = Math.max(...staying)
    const thread = this.#threads.get(index)
    if (thread === undefined || this.#stopping.signal.aborted) return undefined
    this.#options.logger.info({ thread: index, threads: staying.length - 1 }, 'a thread goes')
    this.#leaving.add(index)
    thread.stop(true)
    // What it fails with is logged where it ends.
    await thread.finished.catch(() => {})
    const memory = this.#options.shareOf(Math.max(1, this.#threads.size + this.#waiting.size))
    for (const each of this.threads) each.share(memory)
    return index
  }

  /** Every thread finishes, commits and leaves the group. */
  stop(): void {
    this.#stopping.abort()
    for (const thread of this.threads) thread.stop()
    this.#settle()
  }

  #freeIndex(): number {
    let index = 0
    while (this.#threads.has(index) || this.#waiting.has(index)) index += 1
    return index
  }

  #start(index: number, threads: number): void {
    const thread = this.#options.startThread(index, threads, () => this.#follow())
    this.#threads.set(index, thread)
    if (this.#paused) thread.pause(true)
    thread.finished
      .then(() => this.#threads.delete(index))
      .catch((error: unknown) => this.#onFailure(index, error))
      .finally(() => {
        this.#leaving.delete(index)
        this.#follow()
        this.#settle()
      })
  }

  #follow(): void {
    const alive = this.threads.map(({ state }) => state).filter((state) => state !== 'failed')
    const waiting: readonly ThreadState[] = [...this.#waiting].map(() => 'created')
    this.#options.life.follow([...alive, ...waiting])
  }

  #onFailure(index: number, thrown: unknown): void {
    const { logger, onUncaughtError } = this.#options
    const error = isStreamsError(thrown) ? thrown : failed(thrown)
    this.#threads.delete(index)
    this.#failedCount += 1
    if (this.#leaving.has(index)) {
      logger.warn({ thread: index, err: error }, 'a thread that was to go has failed')
      return
    }
    if (this.#stopping.signal.aborted) {
      this.#fail(error)
      return
    }
    const reaction = reactionTo(onUncaughtError, error, logger)
    logger.error({ thread: index, err: error, reaction }, 'a thread failed')
    if (reaction === 'replace-thread') {
      this.#replace(index, error)
    } else {
      if (reaction === 'stop-application') this.#telling = this.#tell(error, index)
      this.#fail(error)
    }
  }

  #replace(index: number, error: StreamsError): void {
    const { clock, logger } = this.#options
    const pauseMs = this.#replacements.pauseMs(index, clock.nowMs())
    if (pauseMs === undefined) {
      logger.error({ thread: index }, 'its replacements failed in turn: the application stops')
      this.#fail(error)
      return
    }
    this.#waiting.add(index)
    logger.info({ thread: index, pauseMs }, 'another thread takes its place after a pause')
    void clock.sleep(pauseMs, this.#stopping.signal).then(() => {
      this.#waiting.delete(index)
      if (!this.#stopping.signal.aborted) {
        this.#start(index, this.#threads.size + this.#waiting.size + 1)
      }
      this.#settle()
    })
  }

  async #tell(error: StreamsError, index: number): Promise<void> {
    try {
      await this.#options.stopApplication(error, index)
    } catch (err) {
      this.#options.logger.error({ err }, 'the other instances could not be told to stop')
    }
  }

  /** The first failure counts: those of the others follow from it, or from the stop. */
  #fail(error: StreamsError): void {
    this.#failure ??= error
    if (this.#options.life.state !== 'pending-error') this.#options.life.moveTo('pending-error')
    this.stop()
  }

  #settle(): void {
    if (!this.#stopping.signal.aborted || this.#threads.size > 0 || this.#waiting.size > 0) return
    const end = (): void => {
      if (this.#failure === undefined) {
        this.#ended.resolve()
      } else {
        this.#ended.reject(this.#failure)
      }
    }
    if (this.#telling === undefined) end()
    else void this.#telling.then(end)
  }
}

const failed = (cause: unknown): StreamsError =>
  new StreamsError('THREAD_FAILED', {
    message: `a stream thread died: ${messageOf(cause)}`,
    hint: 'This is not an error Millrace expects: run with --verbose and report the trace.',
    cause,
  })
