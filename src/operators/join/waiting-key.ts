import type { Serde } from '../../serde/serde.ts'
import { readTime, writeTime } from '../../serde/windowed-key.ts'

/** The key of a record that waits for a partner. */
export interface WaitingKey<out K> {
  readonly timestampMs: number
  /** Null: not a record's, but before every one of this time. */
  readonly key: K | null
  /** Tells records of one key and time apart: from 0, in the order in which they came. */
  readonly number: number
}

const TIME_BYTES = 8
const NUMBER_BYTES = 4

/** The least number that is free, where those that are taken have no gaps. */
export function leastFree(isFree: (number: number) => boolean): number {
  if (isFree(0)) return 0
  let taken = 0
  let free = 1
  while (!isFree(free)) {
    taken = free
    free *= 2
  }
  while (free - taken > 1) {
    const middle = (free + taken) >>> 1
    if (isFree(middle)) free = middle
    else taken = middle
  }
  return free
}

/** Eight bytes of time, the key, four bytes of number: in the order of time, then key. */
export const waitingKey = <K>(inner: Serde<K>): Serde<WaitingKey<K>> => ({
  name: `waiting(${inner.name})`,
  serialize: ({ timestampMs, key, number }) => {
    const keyBytes = key === null ? undefined : inner.serialize(key)
    const length = keyBytes === undefined ? TIME_BYTES : TIME_BYTES + keyBytes.length + NUMBER_BYTES
    const bytes = Buffer.allocUnsafe(length)
    writeTime(bytes, timestampMs, 0)
    if (keyBytes !== undefined) {
      bytes.set(keyBytes, TIME_BYTES)
      bytes.writeUInt32BE(number, length - NUMBER_BYTES)
    }
    return bytes
  },
  deserialize: (bytes) => {
    const keyEnd = bytes.length - NUMBER_BYTES
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    return {
      timestampMs: readTime(bytes, 0),
      key: inner.deserialize(bytes.subarray(TIME_BYTES, keyEnd)),
      number: view.getUint32(keyEnd),
    }
  },
})
