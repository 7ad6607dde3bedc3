import type { Clock } from '../../core/clock.ts'
import { isStreamsError, messageOf } from '../../core/errors.ts'
import type { Logger } from '../../core/logger.ts'
import { topicPartitionKey } from '../../core/topic-partition.ts'
import type { KafkaPort } from '../../kafka/port.ts'
import type { Topology } from '../../topology/topology.ts'
import { readPartitionPlan, type PartitionPlan } from './partition-plan.ts'

/** Nobody is told by Kafka that a topic has changed. */
const LOOK_EVERY_MS = 30_000

export interface InputWatchOptions {
  readonly port: KafkaPort
  readonly clock: Clock
  readonly logger: Logger
  readonly topology: Topology
  readonly applicationId: string
  /** It has changed: the loop may look. */
  readonly onEvent: () => void
}

/**
 * Has the leader of a group look now and then whether its input is what its tasks were planned for:
 * partitions are added, and topics come that a pattern matches, which nobody would read otherwise.
 */
export class InputWatch {
  readonly #options: InputWatchOptions
  /** What the tasks were planned for; undefined where another member leads. */
  #planned: string | undefined
  #lookedAtMs = 0
  #looking = false
  #changed = false

  constructor(options: InputWatchOptions) {
    this.#options = options
  }

  /** The group is asked anew, and another member may lead it. */
  forget(): void {
    this.#planned = undefined
    this.#changed = false
  }

  /** This member leads, and has planned this. */
  follow(plan: PartitionPlan): void {
    this.#planned = inputOf(plan)
    this.#lookedAtMs = this.#options.clock.nowMs()
  }

  /** Whether the tasks have to be planned anew. Looks in the background when it is time. */
  hasChanged(): boolean {
    if (this.#planned === undefined) return false
    const isDue = this.#options.clock.nowMs() >= this.#lookedAtMs + LOOK_EVERY_MS
    if (isDue && !this.#looking) void this.#look(this.#planned)
    return this.#changed
  }

  async #look(planned: string): Promise<void> {
    const { clock, logger, onEvent } = this.#options
    this.#looking = true
    const input = await this.#read()
    this.#looking = false
    this.#lookedAtMs = clock.nowMs()
    if (input === undefined || input === planned || this.#planned !== planned) return
    this.#changed = true
    logger.info({}, 'the input topics have changed: the tasks are planned anew')
    onEvent()
  }

  /** Undefined where nothing is to be learned: a topic that is gone is waited for elsewhere. */
  async #read(): Promise<string | undefined> {
    try {
      return inputOf(await readPartitionPlan(this.#options))
    } catch (error) {
      if (isStreamsError(error) && error.code !== 'TOPIC_MISSING') return error.message
      this.#options.logger.debug({ error: messageOf(error) }, 'the input topics cannot be seen')
      return undefined
    }
  }
}

/** Which task reads what, as a text to be compared. */
const inputOf = ({ tasks }: PartitionPlan): string =>
  tasks
    .map(({ id, sources }) => {
      const read = sources.map(({ topic, partition }) => topicPartitionKey(topic, partition))
      return `${id}: ${read.join()}`
    })
    .join('\n')
