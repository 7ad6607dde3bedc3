import type { RawRecord } from '../core/record.ts'
import type { RecordRun } from '../kafka/client/record-run.ts'

/** One topic partition of a test: what was written, and how far a task has read. */
export class Pipe {
  readonly topic: string
  readonly partition: number
  readonly #records: RawRecord[] = []
  #taken = 0

  constructor(topic: string, partition: number) {
    this.topic = topic
    this.partition = partition
  }

  append(record: Omit<RawRecord, 'topic' | 'partition' | 'offset'>): void {
    const { topic, partition } = this
    this.#records.push({ ...record, topic, partition, offset: this.#records.length })
  }

  /** Everything that was written, read or not. */
  get records(): readonly RawRecord[] {
    return this.#records
  }

  take(): RecordRun | undefined {
    const record = this.#records[this.#taken]
    if (record === undefined) return undefined
    this.#taken += 1
    return oneRecord(record)
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
