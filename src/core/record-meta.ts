import { noHeaders, type Headers, type Meta, type Offset } from './record.ts'

/**
 * The one {@link Meta} of a task, filled anew for every record and every step: no allocation per
 * record. The task sets where the record comes from, each step sets what it is looking at.
 */
export class RecordMeta implements Meta {
  key: unknown = null
  timestampMs = 0
  headers: Headers = noHeaders
  topic = ''
  partition = -1
  offset: Offset = -1

  /** Where the record being processed was read. */
  from(topic: string, partition: number, offset: Offset): void {
    this.topic = topic
    this.partition = partition
    this.offset = offset
  }

  /** What a step looks at; returns itself, to be handed to the callback. */
  at(key: unknown, timestampMs: number, headers: Headers): this {
    this.key = key
    this.timestampMs = timestampMs
    this.headers = headers
    return this
  }

  /**
   * Does something under the record that an update was made by, which was kept since; then the one
   * that is being processed goes on.
   */
  under(record: KeptRecord, work: () => void): void {
    const { key, timestampMs, headers, topic, partition, offset } = this
    this.from(record.topic, record.partition, record.offset)
    this.at(record.key, record.timestampMs, record.headers)
    try {
      work()
    } finally {
      this.from(topic, partition, offset)
      this.at(key, timestampMs, headers)
    }
  }
}

/** What is kept of a record beside its value. */
export type KeptRecord = Readonly<Meta>
