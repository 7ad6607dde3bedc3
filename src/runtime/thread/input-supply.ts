import type { Offset } from '../../core/record.ts'
import { topicPartitionKey, type TopicPartition } from '../../core/topic-partition.ts'
import type { Fetcher } from '../../kafka/client/fetcher.ts'
import type { RecordRun } from '../../kafka/client/record-run.ts'
import { KafkaError } from '../../kafka/port.ts'
import { reactionTo } from '../reaction.ts'
import type { RecordSupply } from '../task/partition-queue.ts'
import { resetPosition, type Positions } from './start-positions.ts'

/** Between attempts to find out where a partition begins or ends now. */
const RESET_AGAIN_AFTER_MS = 1_000

export interface InputSupplyOptions {
  readonly fetcher: Fetcher
  readonly positions: Positions
  /** Where input partitions end for this application, by `topicPartitionKey`; others do not. */
  readonly until: Readonly<Record<string, Offset>>
  /** A reset is done, or failed for good: the loop may look. */
  readonly onEvent: () => void
}

export interface ResetPosition extends TopicPartition {
  readonly offset: Offset
}

/**
 * What tasks pull their input from. A position that has left the topic (retention, a recreated
 * topic) is set anew by the source's reset policy, in the background.
 */
export class InputSupply implements RecordSupply {
  readonly #options: InputSupplyOptions
  /** By partition; a reset counts only while it is the one that is noted here. */
  readonly #resets = new Map<string, { failure: unknown }>()
  #done: ResetPosition[] = []

  constructor(options: InputSupplyOptions) {
    this.#options = options
  }

  assign({ topic, partition }: TopicPartition, offset: Offset): void {
    const key = topicPartitionKey(topic, partition)
    this.#resets.delete(key)
    this.#options.fetcher.assign(topic, partition, offset, this.#options.until[key])
  }

  unassign({ topic, partition }: TopicPartition): void {
    this.#resets.delete(topicPartitionKey(topic, partition))
    this.#done = this.#done.filter((each) => each.topic !== topic || each.partition !== partition)
    this.#options.fetcher.unassign(topic, partition)
  }

  /** Where reading goes on since the last call: their tasks have to know before they read on. */
  takeResets(): readonly ResetPosition[] {
    return this.#done.splice(0)
  }

  readonly wake = (): void => this.#options.onEvent()

  readonly take = (topic: string, partition: number): RecordRun | undefined => {
    try {
      return this.#options.fetcher.take(topic, partition)
    } catch (error) {
      if (!(error instanceof KafkaError) || error.code !== 'OFFSET_OUT_OF_RANGE') throw error
    }
    const key = topicPartitionKey(topic, partition)
    const reset = this.#resets.get(key)
    if (reset === undefined) void this.#reset({ topic, partition })
    else if (reset.failure !== undefined) throw reset.failure
    return undefined
  }

  readonly mayHaveMore = (topic: string, partition: number, position: Offset): boolean => {
    const watermarks = this.#options.fetcher.watermarks(topic, partition)
    if (watermarks === undefined) return true
    return (
      position < watermarks.lastStableOffset ||
      this.#resets.has(topicPartitionKey(topic, partition))
    )
  }

  readonly heardMs = (topic: string, partition: number): number =>
    this.#options.fetcher.watermarks(topic, partition)?.heardMs ?? -1

  async #reset(partition: TopicPartition): Promise<void> {
    const { positions, onEvent } = this.#options
    const { logger, clock } = positions
    const key = topicPartitionKey(partition.topic, partition.partition)
    const reset: { failure: unknown } = { failure: undefined }
    this.#resets.set(key, reset)
    const isWanted = (): boolean => this.#resets.get(key) === reset
    logger.warn(partition, 'the committed offset is no longer in the topic')
    while (isWanted()) {
      try {
        const offset = await resetPosition(positions, partition)
        if (!isWanted()) return
        this.assign(partition, offset)
        this.#done.push({ ...partition, offset })
        onEvent()
        return
      } catch (error) {
        if (reactionTo(error) !== 'migrated') {
          reset.failure = error
          onEvent()
          return
        }
        logger.warn({ ...partition, err: error }, 'the offset cannot be reset: trying again')
      }
      await clock.sleep(RESET_AGAIN_AFTER_MS)
    }
  }
}
