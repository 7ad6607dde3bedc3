import type { ByteEntry } from '../backend.ts'
import { compareBytes } from '../byte-order.ts'

/** What is beyond the common beginning of a long key, and its value. */
type BucketEntry = readonly [rest: Uint8Array, value: Uint8Array]

const HEADER_BYTES = 8

/** Sorted entries, each: length of the rest, length of the value, the rest, the value. */
export function readBucket(bytes: Uint8Array): BucketEntry[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const entries: BucketEntry[] = []
  for (let at = 0; at < bytes.length;) {
    const value = at + HEADER_BYTES + view.getUint32(at)
    const end = value + view.getUint32(at + 4)
    entries.push([bytes.subarray(at + HEADER_BYTES, value), bytes.subarray(value, end)])
    at = end
  }
  return entries
}

/** Puts and deletes, keyed by the rest; undefined when nothing is left. */
export function changeBucket(
  bytes: Uint8Array | undefined,
  changes: readonly ByteEntry[],
): Uint8Array | undefined {
  const entries = bytes === undefined ? [] : readBucket(bytes)
  for (const [rest, value] of changes) {
    const at = entries.findIndex(([other]) => compareBytes(other, rest) >= 0)
    const index = at === -1 ? entries.length : at
    const known = index < entries.length && compareBytes(entries[index]![0], rest) === 0
    entries.splice(index, known ? 1 : 0, ...(value === null ? [] : [[rest, value] as const]))
  }
  return entries.length === 0 ? undefined : Buffer.concat(entries.flatMap(writeEntry))
}

function writeEntry([rest, value]: BucketEntry): Uint8Array[] {
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeUInt32BE(rest.length, 0)
  header.writeUInt32BE(value.length, 4)
  return [header, rest, value]
}
