import { Worker } from 'node:worker_threads'
import { systemClock } from '../core/clock.ts'
import { assertNever, StreamsError } from '../core/errors.ts'
import { moduleUrl } from '../core/module-url.ts'
import type { MemoryShare } from '../runtime/thread/thread-config.ts'
import type { ThreadSnapshot } from '../runtime/thread/thread-snapshot.ts'
import type { ThreadState } from '../runtime/thread/thread-state.ts'
import type { RowsAnswer, RowsQuestion, ValueAnswer, ValueQuestion } from '../query/question.ts'
import type { GroupView } from '../runtime/assignment/subscription.ts'
import { errorFrom } from './error-data.ts'
import { postedConnection } from './posted-connection.ts'
import type { FromThread, PostedStart, ThreadStart, ToThread } from './thread-messages.ts'

type Answer = Extract<FromThread, { requestId: number }>
type Request =
  | { readonly type: 'snapshot' }
  | Omit<Extract<ToThread, { type: 'get' }>, 'requestId'>
  | Omit<Extract<ToThread, { type: 'scan' }>, 'requestId'>

/** A snapshot that was asked for and is not there yet. */
interface Owed {
  readonly snapshot: Promise<ThreadSnapshot | undefined>
  readonly sinceMs: number
}

/** A loop gives way to messages every 10 ms, unless a step holds it up. */
const ANSWER_WITHIN_MS = 2_000

/** They are answered between two turns of the loop: more at a time will not be answered soon. */
const QUERIES_MAX = 1_000

/**
 * Of a thread's heap, for objects that are new. Node would let it grow to twice as much, which
 * takes 40 MB more of a thread that counts by key and saves no CPU time; less than this costs some.
 */
const YOUNG_GENERATION_MAX_MIB = 96

/** The application's end of one stream thread: a worker and the messages with it. */
export class StreamWorker {
  readonly #worker: Worker
  readonly #pending = new Map<number, (answer: Answer | undefined) => void>()
  readonly #onStateChange: () => void
  #requestId = 0
  #owed: Owed | undefined
  #state: ThreadState = 'created'
  #group: GroupView | undefined
  #failure: StreamsError | undefined
  /** Resolves when the worker has ended, rejects with what made it fail. */
  readonly finished: Promise<void>

  constructor(start: ThreadStart, onStateChange: () => void) {
    this.#onStateChange = onStateChange
    const connection = postedConnection(start.connection)
    this.#worker = new Worker(moduleUrl('./thread-main', import.meta.url), {
      workerData: { ...start, connection } satisfies PostedStart,
      transferList: connection.tokens === undefined ? [] : [connection.tokens],
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MAX_MIB },
      name: `millrace-${start.config.threadIndex}`,
    })
    this.#worker.on('message', (message: FromThread) => this.#receive(message))
    this.finished = new Promise((resolve, reject) => {
      this.#worker.on('error', (error) => {
        this.#failure ??= new StreamsError('THREAD_FAILED', {
          message: `a stream thread died: ${error.message}`,
          hint: 'This is not an error Millrace expects: run with --verbose and report the trace.',
          cause: error,
        })
      })
      this.#worker.on('exit', (code) => {
        for (const resolvePending of this.#pending.values()) resolvePending(undefined)
        this.#pending.clear()
        // Something in the topology may have ended the thread: nobody asked for that.
        if (this.#state !== 'stopped') this.#failure ??= endedByItself(code)
        if (this.#failure === undefined) {
          resolve()
        } else {
          this.#state = 'failed'
          this.#onStateChange()
          reject(this.#failure)
        }
      })
    })
  }

  get state(): ThreadState {
    return this.#state
  }

  /** `forGood`: it is not coming back, so that a static member leaves the group, too. */
  stop(forGood = false): void {
    this.#post({ type: 'stop', forGood })
  }

  pause(paused: boolean): void {
    this.#post({ type: 'pause', paused })
  }

  share(memory: MemoryShare): void {
    this.#post({ type: 'share', memory })
  }

  /**
   * Undefined when it has ended, or does not answer in time. Who asks while an answer is
   * owed waits for that one, so that a stuck thread makes no queue.
   */
  async snapshot(withinMs = ANSWER_WITHIN_MS): Promise<ThreadSnapshot | undefined> {
    this.#owed ??= this.#askSnapshot()
    const patience = new AbortController()
    const tooLate = systemClock.sleep(withinMs, patience.signal).then(() => undefined)
    const snapshot = await Promise.race([this.#owed.snapshot, tooLate])
    patience.abort()
    return snapshot
  }

  /** How long the thread owes an answer to somebody who asked how it is; 0 where nobody waits. */
  get silentMs(): number {
    return this.#owed === undefined ? 0 : systemClock.nowMs() - this.#owed.sinceMs
  }

  #askSnapshot(): Owed {
    const snapshot = this.#ask({ type: 'snapshot' }).then((answer) => {
      this.#owed = undefined
      return answer?.type === 'snapshot' ? answer.snapshot : undefined
    })
    return { snapshot, sinceMs: systemClock.nowMs() }
  }

  /** The group as its leader last described it to this thread. */
  get group(): GroupView | undefined {
    return this.#group
  }

  /** Undefined when no task of this thread owns the key. */
  async get(question: ValueQuestion): Promise<ValueAnswer | undefined> {
    const answer = await this.#query({ type: 'get', question })
    return answer?.type === 'value' ? answer.answer : undefined
  }

  /** Undefined when the thread has ended. */
  async scan(question: RowsQuestion): Promise<RowsAnswer | undefined> {
    const answer = await this.#query({ type: 'scan', question })
    return answer?.type === 'rows' ? answer.answer : undefined
  }

  async #query(request: Request): Promise<Answer | undefined> {
    if (this.#pending.size >= QUERIES_MAX) {
      throw new StreamsError('STORE_UNAVAILABLE', {
        message: `${QUERIES_MAX} queries wait for a thread that has not answered them`,
        hint: 'Ask less at a time; see /health/live for a thread that is stuck.',
      })
    }
    const answer = await this.#ask(request)
    if (answer?.type === 'query-failed') throw errorFrom(answer.error)
    return answer
  }

  #ask(request: Request): Promise<Answer | undefined> {
    if (this.#state === 'stopped' || this.#state === 'failed') return Promise.resolve(undefined)
    this.#requestId += 1
    const requestId = this.#requestId
    return new Promise((resolve) => {
      this.#pending.set(requestId, resolve)
      this.#post({ ...request, requestId })
    })
  }

  #post(message: ToThread): void {
    this.#worker.postMessage(message)
  }

  #receive(message: FromThread): void {
    switch (message.type) {
      case 'state':
        this.#state = message.state
        this.#onStateChange()
        return
      case 'failed':
        this.#failure = errorFrom(message.error)
        return
      case 'group':
        this.#group = message.group
        return
      case 'snapshot':
      case 'value':
      case 'rows':
      case 'query-failed':
        this.#pending.get(message.requestId)?.(message)
        this.#pending.delete(message.requestId)
        return
      default:
        assertNever(message)
    }
  }
}

const endedByItself = (exitCode: number): StreamsError =>
  new StreamsError('THREAD_FAILED', {
    message: `a stream thread ended by itself, with exit code ${exitCode}`,
    hint: 'Look for process.exit in the topology and in what it imports.',
  })
