import { hash as digest } from 'node:crypto'
import { StreamsError } from '../../core/errors.ts'
import { remoteAround } from '../../serde/registry/remote-serde.ts'
import type { Serde, Serializer } from '../../serde/serde.ts'

/** What the right side does with a subscription, and when it answers (KIP-213). */
export const instructions = [
  /** Forget it, and say nothing. */
  'leave',
  /** Forget it, and answer that there is no row. */
  'leave-and-answer',
  /** Keep it, and answer in any case. */
  'enter-and-answer',
  /** Keep it, and answer where there is a row. */
  'enter',
] as const
export type Instruction = (typeof instructions)[number]

/** A left row tells the partition of its foreign key that it wants to know that row. */
export interface Subscription {
  readonly instruction: Instruction
  /** Of the left row; null where it was deleted. */
  readonly hash: Uint8Array | null
  readonly primaryKey: Uint8Array
}

/** What the right side answers, and tells again with every change of its row. */
export interface Answer<V = unknown> {
  /** Of the left row that subscribed: an answer to one that has changed since is stale. */
  readonly hash: Uint8Array | null
  /** Null where there is no row. */
  readonly value: V | null
}

const HASH_BYTES = 16
const HAS_HASH = 0x80
const HAS_VALUE = 1
const HASH_AT = 1

/** Of a left row as its serde writes it; rows with equal hashes are taken for equal. */
export const hashOf = <V>(value: V, serializer: Serializer<V>): Uint8Array =>
  digest('sha256', serializer.serialize(value), 'buffer').subarray(0, HASH_BYTES)

export const sameHash = (left: Uint8Array | null, right: Uint8Array | null): boolean =>
  left === null || right === null ? left === right : Buffer.compare(left, right) === 0

/** A byte of flags, the hash, the primary key. */
export const subscriptionSerde: Serde<Subscription> = {
  name: 'subscription',
  serialize: ({ instruction, hash, primaryKey }) =>
    pack(instructions.indexOf(instruction), hash, primaryKey),
  deserialize: (bytes) => {
    const { flags, hash, rest } = unpack(bytes)
    const instruction = instructions[flags]
    if (instruction === undefined) throw unreadable(bytes)
    // A copy: what was read may be written over.
    return { instruction, hash, primaryKey: new Uint8Array(rest) }
  },
}

/** A byte of flags, the hash, the value. */
export const answerSerde = <V>(inner: Serde<V>): Serde<Answer<V>> => ({
  name: `answer(${inner.name})`,
  ...remoteAround(inner, (bytes) => [unpack(bytes).rest], answerSerde),
  serialize: ({ hash, value }) =>
    value === null ? pack(0, hash, nothing) : pack(HAS_VALUE, hash, inner.serialize(value)),
  deserialize: (bytes) => {
    const { flags, hash, rest } = unpack(bytes)
    return { hash, value: flags === HAS_VALUE ? inner.deserialize(rest) : null }
  },
})

const nothing = new Uint8Array(0)

function pack(flags: number, rowHash: Uint8Array | null, rest: Uint8Array): Uint8Array {
  const restAt = HASH_AT + (rowHash === null ? 0 : HASH_BYTES)
  const bytes = Buffer.allocUnsafe(restAt + rest.length)
  bytes[0] = rowHash === null ? flags : flags | HAS_HASH
  if (rowHash !== null) bytes.set(rowHash, HASH_AT)
  bytes.set(rest, restAt)
  return bytes
}

function unpack(bytes: Uint8Array) {
  const first = bytes[0] ?? 0
  const restAt = HASH_AT + (first & HAS_HASH ? HASH_BYTES : 0)
  if (bytes.length < restAt) throw unreadable(bytes)
  return {
    flags: first & ~HAS_HASH,
    hash: first & HAS_HASH ? new Uint8Array(bytes.subarray(HASH_AT, restAt)) : null,
    rest: bytes.subarray(restAt),
  }
}

const unreadable = (bytes: Uint8Array): StreamsError =>
  new StreamsError('SERDE_FAILED', {
    message: `${bytes.length} bytes are no message of a foreign-key join`,
    hint: 'Another program writes to this repartition topic: only this topology may.',
  })
