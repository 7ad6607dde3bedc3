import type { Clock } from '../../core/clock.ts'
import type { Logger } from '../../core/logger.ts'
import { Wakeup } from '../../core/wakeup.ts'
import { KafkaError, type KafkaPort, type TopicMetadata } from '../port.ts'

const PAUSE_INITIAL_MS = 20
const PAUSE_MAX_MS = 1_000

export interface MetadataLoopOptions {
  readonly port: KafkaPort
  readonly clock: Clock
  readonly logger: Logger
  /** Topics of which something is still unknown; asked again before each look. */
  readonly wanted: () => readonly string[]
  /** The answer for these topics; one that is not in `found` does not exist, or not yet. */
  readonly onFound: (topics: readonly string[], found: ReadonlyMap<string, TopicMetadata>) => void
  /** The cluster refuses to tell, for good. */
  readonly onRefused: (topic: string, error: KafkaError) => void
}

/** Asks for metadata while something is wanted, ever more slowly; costs nothing when nothing is. */
export class MetadataLoop {
  readonly #options: MetadataLoopOptions
  readonly #wakeup: Wakeup
  #running = false
  #closed = false
  #pauseMs = PAUSE_INITIAL_MS

  constructor(options: MetadataLoopOptions) {
    this.#options = options
    this.#wakeup = new Wakeup(options.clock)
  }

  /** Something new is wanted: look at once. */
  look(): void {
    this.#pauseMs = PAUSE_INITIAL_MS
    if (this.#running) this.#wakeup.notify()
    else this.start()
  }

  /**
   * Something is wanted, perhaps not for the first time: looks at once, or when it would have
   * anyway.
   */
  start(): void {
    if (this.#running || this.#closed) return
    this.#running = true
    void this.#run()
  }

  close(): void {
    this.#closed = true
    this.#wakeup.notify()
  }

  async #run(): Promise<void> {
    // Those who want something at the same moment are served by one request.
    await Promise.resolve()
    for (;;) {
      const topics = this.#closed ? [] : this.#options.wanted()
      if (topics.length === 0) break
      await this.#askFor(topics)
      if (this.#closed || this.#options.wanted().length === 0) break
      await this.#wakeup.wait(this.#pauseMs)
      this.#slowDown()
    }
    this.#running = false
  }

  #slowDown(): void {
    if (this.#pauseMs === PAUSE_MAX_MS) return
    this.#pauseMs = Math.min(this.#pauseMs * 2, PAUSE_MAX_MS)
    if (this.#pauseMs < PAUSE_MAX_MS) return
    const topics = this.#closed ? [] : this.#options.wanted()
    if (topics.length > 0) {
      this.#options.logger.warn({ topics }, 'topics are missing or have no leader, still looking')
    }
  }

  async #askFor(topics: readonly string[]): Promise<void> {
    const { port, logger, onFound, onRefused } = this.#options
    let found: ReadonlyMap<string, TopicMetadata>
    try {
      found = await port.metadata(topics)
    } catch (error) {
      if (this.#closed) return
      if (!(error instanceof KafkaError) || error.kind !== 'fatal') {
        logger.debug({ topics, error }, 'no metadata, asking again')
      } else if (topics.length === 1) {
        onRefused(topics[0] as string, error)
      } else {
        // One topic that is forbidden must not hide the others.
        for (const topic of topics) await this.#askFor([topic])
      }
      return
    }
    if (!this.#closed) onFound(topics, found)
  }
}
