import type { Clock } from '../../core/clock.ts'
import type { Logger } from '../../core/logger.ts'
import { KafkaError, type GroupMember, type KafkaPort } from '../port.ts'
import { answeredWithin } from './answered-within.ts'

const RETRY_PAUSE_MS = 100

export interface HeartbeatsOptions {
  readonly port: KafkaPort
  readonly clock: Clock
  readonly logger: Logger
  readonly sessionTimeoutMs: number
  readonly heartbeatIntervalMs: number
  readonly onRebalance: () => void
  readonly onLost: (cause: KafkaError) => void
  /** Whether whoever the member works for is stuck: asked before each heartbeat. */
  readonly isStuck: () => boolean
  readonly onStuck: () => void
}

/** Keeps a member's session alive, one heartbeat at a time, until stopped or lost. */
export class Heartbeats {
  readonly #options: HeartbeatsOptions
  #running: AbortController | undefined
  #member: GroupMember | undefined
  #intervalMs: number
  /** When the request was sent that the coordinator answered last. */
  #lastAnswerMs = -Infinity

  constructor(options: HeartbeatsOptions) {
    this.#options = options
    this.#intervalMs = options.heartbeatIntervalMs
  }

  /** The coordinator has just answered this member. */
  start(member: GroupMember): void {
    this.#intervalMs = this.#options.heartbeatIntervalMs
    this.#lastAnswerMs = this.#options.clock.nowMs()
    this.#restart(member)
  }

  /** From now on and until the next start they come at least so often. */
  hasten(intervalMs: number): void {
    if (this.#member === undefined || intervalMs >= this.#intervalMs) return
    this.#intervalMs = intervalMs
    this.#restart(this.#member)
  }

  #restart(member: GroupMember): void {
    this.stop()
    this.#member = member
    this.#running = new AbortController()
    void this.#beat(member, this.#running.signal)
  }

  stop(): void {
    this.#running?.abort()
    this.#running = undefined
    this.#member = undefined
  }

  async #beat(member: GroupMember, stopped: AbortSignal): Promise<void> {
    const { clock, onRebalance, onLost, logger } = this.#options
    let pauseMs = this.#intervalMs
    for (;;) {
      await clock.sleep(Math.max(0, Math.min(pauseMs, this.#leftMs())), stopped)
      if (stopped.aborted) return
      if (this.#options.isStuck()) {
        this.#options.onStuck()
        return
      }
      const failure = this.#leftMs() <= 0 ? sessionOver() : await this.#once(member)
      if (stopped.aborted) return
      pauseMs = this.#intervalMs
      if (failure === undefined) continue
      if (failure.code === 'REBALANCE_IN_PROGRESS') {
        onRebalance()
      } else if (isEnd(failure)) {
        this.stop()
        onLost(failure)
        return
      } else {
        logger.debug({ code: failure.code, groupId: member.groupId }, 'a heartbeat failed')
        pauseMs = Math.min(RETRY_PAUSE_MS, this.#intervalMs)
      }
    }
  }

  /** The failure, if any; does not wait for an answer beyond the end of the session. */
  async #once(member: GroupMember): Promise<KafkaError | undefined> {
    const { port, clock } = this.#options
    const sentMs = clock.nowMs()
    try {
      await answeredWithin(clock, this.#leftMs(), port.heartbeat(member))
    } catch (error) {
      const failure = asKafkaError(error)
      if (failure.code === 'REBALANCE_IN_PROGRESS') this.#lastAnswerMs = sentMs
      return failure
    }
    this.#lastAnswerMs = sentMs
    return undefined
  }

  #leftMs(): number {
    return this.#lastAnswerMs + this.#options.sessionTimeoutMs - this.#options.clock.nowMs()
  }
}

const sessionOver = (): KafkaError =>
  new KafkaError(
    'SESSION_TIMED_OUT',
    'rejoin',
    'the coordinator did not answer for a whole session',
  )

/** The generation is gone, or as good as gone. */
const isEnd = (error: KafkaError): boolean =>
  error.kind === 'rejoin' || error.code === 'FENCED_INSTANCE_ID'

const asKafkaError = (error: unknown): KafkaError =>
  error instanceof KafkaError
    ? error
    : new KafkaError('UNEXPECTED', 'fatal', 'a heartbeat failed unexpectedly', { cause: error })
