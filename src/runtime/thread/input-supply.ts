import type { Offset } from '../../core/record.ts'
import { topicPartitionKey } from '../../core/topic-partition.ts'
import type { Fetcher } from '../../kafka/client/fetcher.ts'
import type { RecordRun } from '../../kafka/client/record-run.ts'
import { KafkaError } from '../../kafka/port.ts'
import type { RecordSupply } from '../task/partition-queue.ts'
import { resetPosition, type Positions } from './start-positions.ts'

/**
 * What tasks pull their input from. A position that has left the topic (retention, a recreated topic)
 * is set anew by the source's reset policy, in the background.
 */
export class InputSupply implements RecordSupply {
  readonly #fetcher: Fetcher
  readonly #positions: Positions
  readonly #resetting = new Set<string>()
  #failure: unknown

  constructor(fetcher: Fetcher, positions: Positions) {
    this.#fetcher = fetcher
    this.#positions = positions
  }

  readonly take = (topic: string, partition: number): RecordRun | undefined => {
    if (this.#failure !== undefined) throw this.#failure
    try {
      return this.#fetcher.take(topic, partition)
    } catch (error) {
      if (!(error instanceof KafkaError) || error.code !== 'OFFSET_OUT_OF_RANGE') throw error
      void this.#reset(topic, partition)
      return undefined
    }
  }

  readonly mayHaveMore = (topic: string, partition: number, position: Offset): boolean => {
    const watermarks = this.#fetcher.watermarks(topic, partition)
    return watermarks === undefined || position < watermarks.lastStableOffset
  }

  async #reset(topic: string, partition: number): Promise<void> {
    const key = topicPartitionKey(topic, partition)
    if (this.#resetting.has(key)) return
    this.#resetting.add(key)
    this.#positions.logger.warn(
      { topic, partition },
      'the committed offset is no longer in the topic',
    )
    try {
      const offset = await resetPosition(this.#positions, { topic, partition })
      this.#fetcher.unassign(topic, partition)
      this.#fetcher.assign(topic, partition, offset)
    } catch (error) {
      this.#failure = error
    } finally {
      this.#resetting.delete(key)
    }
  }
}
