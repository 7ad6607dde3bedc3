import type { Serde } from '../../serde/serde.ts'

/** What is known of one id. Times are milliseconds of event time. */
export interface CorrelationRow {
  /** Of the earliest and of the latest part. */
  readonly firstMs: number
  readonly lastMs: number
  /** Until when it is kept: the timer of any other time is out of date. */
  readonly untilMs: number
  /** By the wall clock, where silence ends it too; 0: it does not. */
  readonly idleAtMs: number
  /** The result is out: what still comes is late. */
  readonly closed: boolean
  /** By the number of the stream; undefined: not there yet. Empty once it is closed. */
  readonly parts: readonly unknown[]
}

/*
 * flags (1), first, last, until, idle (8 each), then a part: its number (2), length (4), bytes.
 */
const CLOSED = 1
const HEADER_BYTES = 33
const PART_BYTES = 6

/** A row whose parts are written by the serdes of their streams. */
export const correlationRowSerde = (parts: readonly Serde<unknown>[]): Serde<CorrelationRow> => ({
  name: `correlation(${parts.map(({ name }) => name).join(', ')})`,
  serialize: (row) => {
    const written = row.parts.map((part, number) =>
      // A serde may use its buffer again.
      part === undefined ? undefined : Uint8Array.from(serdeOf(parts, number).serialize(part)),
    )
    const length = written.reduce(
      (sum, part) => sum + (part === undefined ? 0 : PART_BYTES + part.length),
      HEADER_BYTES,
    )
    const bytes = Buffer.allocUnsafe(length)
    bytes[0] = row.closed ? CLOSED : 0
    const times = [row.firstMs, row.lastMs, row.untilMs, row.idleAtMs]
    for (const [at, timeMs] of times.entries()) bytes.writeDoubleBE(timeMs, 1 + 8 * at)
    let end = HEADER_BYTES
    for (const [number, part] of written.entries()) {
      if (part === undefined) continue
      bytes.writeUInt16BE(number, end)
      bytes.writeUInt32BE(part.length, end + 2)
      bytes.set(part, end + PART_BYTES)
      end += PART_BYTES + part.length
    }
    return bytes
  },
  deserialize: (given) => {
    const bytes = Buffer.from(given.buffer, given.byteOffset, given.length)
    const read: unknown[] = parts.map(() => undefined)
    for (let at = HEADER_BYTES; at < bytes.length;) {
      const number = bytes.readUInt16BE(at)
      const end = at + PART_BYTES + bytes.readUInt32BE(at + 2)
      // A copy, as what was read may be written over.
      const part = Uint8Array.from(bytes.subarray(at + PART_BYTES, end))
      read[number] = serdeOf(parts, number).deserialize(part)
      at = end
    }
    return {
      firstMs: bytes.readDoubleBE(1),
      lastMs: bytes.readDoubleBE(9),
      untilMs: bytes.readDoubleBE(17),
      idleAtMs: bytes.readDoubleBE(25),
      closed: bytes[0] === CLOSED,
      parts: read,
    }
  },
})

function serdeOf(parts: readonly Serde<unknown>[], number: number): Serde<unknown> {
  const serde = parts[number]
  if (serde === undefined) throw new RangeError(`a row has part ${number} of ${parts.length}`)
  return serde
}
