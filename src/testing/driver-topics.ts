import type { RawRecord } from '../core/record.ts'
import { topicPartitionKey } from '../core/topic-partition.ts'
import type { RecordRun } from '../kafka/client/record-run.ts'
import { partitionForKey } from '../kafka/wire/murmur2.ts'

type Written = Omit<RawRecord, 'topic' | 'partition' | 'offset'>

interface TestTopic {
  /** Everything that was written, read or not. */
  readonly partitions: readonly RawRecord[][]
  /** Over all partitions, in the order in which it was written. */
  undrained: RawRecord[]
}

/** The topics of a test: they come into being when they are first named. */
export class DriverTopics {
  readonly #countOf: (topic: string) => number
  readonly #topics = new Map<string, TestTopic>()

  constructor(countOf: (topic: string) => number) {
    this.#countOf = countOf
  }

  readonly partitionCount = (topic: string): number => this.#topic(topic).partitions.length

  /** Partition null: by the key's bytes as Kafka's clients do it, the first one without a key. */
  readonly append = (topic: string, partition: number | null, record: Written): void => {
    const { partitions, undrained } = this.#topic(topic)
    const { key } = record
    const byKey = key === null ? 0 : partitionForKey(key, partitions.length)
    const number = partition ?? byKey
    const records = partitions[number]
    if (records === undefined) {
      throw new RangeError(
        `topic "${topic}" has ${partitions.length} partitions, none is ${number}`,
      )
    }
    const written = { ...record, topic, partition: number, offset: records.length }
    records.push(written)
    undrained.push(written)
  }

  /** What was written since the last call. */
  drain(topic: string): readonly RawRecord[] {
    const found = this.#topic(topic)
    const { undrained } = found
    found.undrained = []
    return undrained
  }

  /** For one reader of all partitions: it sees each record once. */
  reading(): (topic: string, partition: number) => RecordRun | undefined {
    const taken = new Map<string, number>()
    return (topic, partition) => {
      const key = topicPartitionKey(topic, partition)
      const next = taken.get(key) ?? 0
      const record = this.#topic(topic).partitions[partition]?.[next]
      if (record === undefined) return undefined
      taken.set(key, next + 1)
      return oneRecord(record)
    }
  }

  #topic(name: string): TestTopic {
    let topic = this.#topics.get(name)
    if (topic === undefined) {
      const partitions = Array.from({ length: this.#countOf(name) }, (): RawRecord[] => [])
      topic = { partitions, undrained: [] }
      this.#topics.set(name, topic)
    }
    return topic
  }
}

function oneRecord(record: RawRecord): RecordRun {
  let read = false
  return {
    ...record,
    next: () => {
      const first = !read
      read = true
      return first
    },
    endOffset: record.offset + 1,
    sizeBytes: (record.key?.length ?? 0) + (record.value?.length ?? 0),
  }
}
