import { type ByteString, byteString } from '../byte-string.ts'

const TIMESTAMP_BYTES = 8
const scratch = Buffer.allocUnsafeSlow(4_096)

/*
 * How a row stands in the local store: eight bytes of timestamp, big endian, then the value, as in
 * Kafka Streams' timestamped stores (KIP-258). The changelog has the value alone, and the timestamp
 * as the record's.
 */

export function timestampedText(value: Uint8Array, timestampMs: number): ByteString {
  if (TIMESTAMP_BYTES + value.length > scratch.length) {
    return byteString(timestampedBytes(value, timestampMs))
  }
  writeTimestamp(scratch, timestampMs)
  scratch.set(value, TIMESTAMP_BYTES)
  return byteString(scratch, TIMESTAMP_BYTES + value.length)
}

export function timestampedBytes(value: Uint8Array, timestampMs: number): Buffer {
  const row = Buffer.allocUnsafe(TIMESTAMP_BYTES + value.length)
  writeTimestamp(row, timestampMs)
  row.set(value, TIMESTAMP_BYTES)
  return row
}

export function timestampOf(row: Uint8Array): number {
  const view = new DataView(row.buffer, row.byteOffset, TIMESTAMP_BYTES)
  return view.getInt32(0) * 2 ** 32 + view.getUint32(4)
}

/**
 * A copy: a row is valid only until the next call, a deserialised value may point into its bytes.
 */
export const valueOf = (row: Uint8Array): Buffer => Buffer.from(row.subarray(TIMESTAMP_BYTES))

function writeTimestamp(target: Buffer, timestampMs: number): void {
  const high = Math.floor(timestampMs / 2 ** 32)
  target.writeInt32BE(high, 0)
  target.writeUInt32BE(timestampMs - high * 2 ** 32, 4)
}
