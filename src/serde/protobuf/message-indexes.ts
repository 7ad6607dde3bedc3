/**
 * Confluent's message indexes, between the schema's id and the message: a count and so many
 * numbers, all as zig-zag varints. The first message of a schema, `[0]`, is a single 0.
 */
export function encodeIndexes(indexes: readonly number[]): Uint8Array {
  if (indexes.length === 1 && indexes[0] === 0) return Uint8Array.of(0)
  return Uint8Array.from([indexes.length, ...indexes].flatMap(zigZagVarint))
}

/** More than anybody nests; a count beyond is no list. */
const INDEXES_MAX = 64

/** The length in bytes of the list that starts at `from`; -1 where it is not the expected one. */
export function lengthIfSame(bytes: Uint8Array, from: number, expected: Uint8Array): number {
  // Some writers spell out [0].
  const isFirst = expected.length === 1
  if (isFirst && bytes[from] === 2 && bytes[from + 1] === 0) return 2
  return expected.every((byte, index) => bytes[from + index] === byte) ? expected.length : -1
}

/** For a message to people; throws for what is no list. */
export function decodeIndexes(bytes: Uint8Array, from: number): readonly number[] {
  let at = from
  const next = (): number => {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = bytes[at]
      if (byte === undefined) throw new RangeError('the record ends in its message indexes')
      at += 1
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2
    }
    throw new RangeError('a message index is too long')
  }
  const count = next()
  if (count < 0 || count > INDEXES_MAX) throw new RangeError(`${count} message indexes`)
  return count === 0 ? [0] : Array.from({ length: count }, next)
}

function zigZagVarint(value: number): number[] {
  const bytes: number[] = []
  let rest = value * 2
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80)
  return [...bytes, rest]
}
