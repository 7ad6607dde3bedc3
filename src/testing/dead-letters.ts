import { headerText, type Headers, type RawRecord } from '../core/record.ts'
import type { Topology } from '../topology/topology.ts'

/** A dead letter as a test looks at it: the record as it was read, and why it is here. */
export interface DeadLetter {
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly timestampMs: number
  readonly headers: Headers
  /** Where the record was read. */
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly code: string
  readonly exception: string
  readonly message: string
  readonly node: string
  readonly attempts: number
}

/** Reads the dead-letter topic of a topology back. */
export class DeadLetters {
  readonly #topic: string | undefined

  constructor(topology: Topology) {
    this.#topic = topology.deadLetters?.name
  }

  read(drain: (topic: string) => readonly RawRecord[]): readonly DeadLetter[] {
    return this.#topic === undefined ? [] : drain(this.#topic).map(deadLetterOf)
  }
}

function deadLetterOf({ key, value, timestampMs, headers }: RawRecord): DeadLetter {
  const text = (name: string): string => headerText(headers, name) ?? ''
  return {
    key,
    value,
    timestampMs,
    headers,
    topic: text('__streams.errors.topic'),
    partition: Number(text('__streams.errors.partition')),
    offset: Number(text('__streams.errors.offset')),
    code: text('millrace.errors.code'),
    exception: text('__streams.errors.exception'),
    message: text('__streams.errors.message'),
    node: text('millrace.errors.node'),
    attempts: Number(text('millrace.errors.attempts')),
  }
}
