import type { Clock } from '../../core/clock.ts'
import { messageOf } from '../../core/errors.ts'
import { hasPassed } from '../../core/has-passed.ts'
import type { Logger } from '../../core/logger.ts'
import { KafkaError, type KafkaPort } from '../../kafka/port.ts'
import { topicName } from '../../topology/graph.ts'
import type { Topology } from '../../topology/topology.ts'
import type { Task } from '../task/task.ts'

/** As Kafka Streams' `repartition.purge.interval.ms`. */
const PURGE_INTERVAL_MS = 30_000

/**
 * Deletes what has been read from repartition topics, which keep everything otherwise. Only what is
 * committed; in the background, and a failure is tried again with the next commit.
 */
export class RepartitionPurge {
  readonly #port: KafkaPort
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #topics: ReadonlySet<string>
  #purgedAtMs: number
  #underWay = false
  #hasWarned = false

  constructor(options: {
    readonly port: KafkaPort
    readonly clock: Clock
    readonly logger: Logger
    readonly topology: Topology
    readonly applicationId: string
  }) {
    this.#port = options.port
    this.#clock = options.clock
    this.#logger = options.logger
    this.#topics = new Set(
      [...options.topology.repartitions.keys()].map((name) =>
        topicName({ name, internal: true }, options.applicationId),
      ),
    )
    this.#purgedAtMs = options.clock.nowMs()
  }

  afterCommit(tasks: readonly Task[]): void {
    const nowMs = this.#clock.nowMs()
    if (this.#topics.size === 0 || this.#underWay) return
    if (!hasPassed(PURGE_INTERVAL_MS, this.#purgedAtMs, nowMs)) return
    const partitions = tasks
      .flatMap((task) => task.committedPositions())
      .filter(({ topic, offset }) => this.#topics.has(topic) && offset > 0)
      .map(({ topic, partition, offset }) => ({ topic, partition, before: offset }))
    this.#purgedAtMs = nowMs
    if (partitions.length === 0) return
    this.#underWay = true
    this.#port
      .deleteRecords(partitions)
      .catch((error: unknown) => this.#note(error))
      .finally(() => {
        this.#underWay = false
      })
  }

  /** What will not pass, a missing right to delete for one, is told once: the topics grow. */
  #note(error: unknown): void {
    const isFinal = error instanceof KafkaError && error.kind === 'fatal'
    const level = isFinal && !this.#hasWarned ? 'warn' : 'debug'
    if (isFinal) this.#hasWarned = true
    this.#logger[level]({ error: messageOf(error) }, 'repartition topics not purged')
  }
}
