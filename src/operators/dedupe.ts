import type { Meta } from '../core/record.ts'
import type { Serde } from '../serde/serde.ts'
import type { WindowStore } from '../state/window-store.ts'
import type { OperatorFactory } from '../topology/processor.ts'

export const duplicatesOutput = 'duplicates'

/** What tells records of one key apart. */
export type Identity = string | number | bigint | boolean

/** A key and an id of it. */
export interface SeenKey<out K> {
  readonly key: K
  readonly id: string
}

export interface Deduplication<K, V> {
  readonly store: string
  readonly withinMs: number
  /** Undefined or null: the record is like no other. */
  readonly idOf: (value: V, meta: Meta<K>) => Identity | null | undefined
  /** Of the node, as they are when the task starts. */
  readonly outputs: readonly string[]
}

const nothing = new Uint8Array(0)

/**
 * Passes on the first record of each key and id, and no other one with a timestamp at most so far
 * from it. What is kept is that a record was passed on; a duplicate prolongs nothing. A record that
 * is further behind stream time than that is passed on: what came before it is known no more.
 */
export const dedupe =
  <K, V>({ store, withinMs, idOf, outputs }: Deduplication<K, V>): OperatorFactory =>
  (context) => {
    const { emit, meta, recordDropped } = context
    const seen = context.store(store) as unknown as WindowStore<SeenKey<K>, Uint8Array>
    const emitDuplicate = outputs.includes(duplicatesOutput)
      ? context.emitTo(duplicatesOutput)
      : undefined
    return {
      process: (key, value, timestampMs, headers) => {
        const id = idOf(value as V, meta.at(key, timestampMs, headers) as Meta<K>)
        // Without a key, what is like it may be in any partition.
        if (id === undefined || id === null || key === null || key === undefined) {
          emit(key, value, timestampMs, headers)
          return
        }
        const seenKey: SeenKey<K> = { key: key as K, id: `${typeof id}:${String(id)}` }
        const from = Math.max(0, timestampMs - withinMs)
        for (const _ of seen.fetch(seenKey, from, timestampMs + withinMs)) {
          recordDropped('duplicate')
          emitDuplicate?.(key, value, timestampMs, headers)
          return
        }
        const window = { startMs: timestampMs, endMs: timestampMs + withinMs }
        seen.put({ key: seenKey, window }, nothing, timestampMs)
        emit(key, value, timestampMs, headers)
      },
    }
  }

const LENGTH_BYTES = 4

/** The length of the key, the key, the id in UTF-8. */
export const seenKeySerde = <K>(inner: Serde<K>): Serde<SeenKey<K>> => ({
  name: `seen(${inner.name})`,
  serialize: ({ key, id }) => {
    const keyBytes = inner.serialize(key)
    const idBytes = Buffer.byteLength(id)
    const bytes = Buffer.allocUnsafe(LENGTH_BYTES + keyBytes.length + idBytes)
    bytes.writeUInt32BE(keyBytes.length, 0)
    bytes.set(keyBytes, LENGTH_BYTES)
    bytes.write(id, LENGTH_BYTES + keyBytes.length)
    return bytes
  },
  deserialize: (bytes) => {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    const end = LENGTH_BYTES + view.getUint32(0)
    const id = Buffer.from(bytes.buffer, bytes.byteOffset + end, bytes.length - end)
    return { key: inner.deserialize(bytes.subarray(LENGTH_BYTES, end)), id: id.toString() }
  },
})
