const TWO_POW_32 = 4_294_967_296
const noBytes = Buffer.alloc(0)
const UUID_BYTES = 16
const NO_UUID = 'A'.repeat(22)

/**
 * Reads Kafka's primitive types; the counterpart of `ProtocolWriter`. Throws a `RangeError` where
 * the bytes end too early or a length makes no sense.
 */
export class ProtocolReader {
  readonly #flexible: boolean
  readonly #bytes: Buffer
  #at = 0
  #throttledMs = 0

  constructor(bytes: Uint8Array, flexible: boolean) {
    this.#bytes = Buffer.isBuffer(bytes)
      ? bytes
      : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#flexible = flexible
  }

  int8(): number {
    const value = this.#bytes.readInt8(this.#at)
    this.#at += 1
    return value
  }

  int16(): number {
    const value = this.#bytes.readInt16BE(this.#at)
    this.#at += 2
    return value
  }

  int32(): number {
    const value = this.#bytes.readInt32BE(this.#at)
    this.#at += 4
    return value
  }

  /** Exact within the safe integers, which every offset, producer id and timestamp is. */
  int64(): number {
    const high = this.#bytes.readInt32BE(this.#at)
    const low = this.#bytes.readUInt32BE(this.#at + 4)
    this.#at += 8
    return high * TWO_POW_32 + low
  }

  boolean(): boolean {
    return this.int8() !== 0
  }

  unsignedVarint(): number {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#bytes.readUInt8(this.#at++)
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return value >>> 0
    }
    throw new RangeError('a varint is longer than five bytes')
  }

  nullableString(): string | null {
    const lengthBytes = this.#flexible ? this.unsignedVarint() - 1 : this.int16()
    if (lengthBytes < 0) return null
    const start = this.#skip(lengthBytes)
    return this.#bytes.toString('utf8', start, this.#at)
  }

  /** Null is read as an empty text. */
  string(): string {
    return this.nullableString() ?? ''
  }

  /** In base64, as Kafka's tools print it; empty for the one of zeros, which stands for none. */
  uuid(): string {
    const start = this.#skip(UUID_BYTES)
    const text = this.#bytes.toString('base64url', start, this.#at)
    return text === NO_UUID ? '' : text
  }

  /** A view of the bytes, not a copy. */
  nullableBytes(): Buffer | null {
    const lengthBytes = this.#flexible ? this.unsignedVarint() - 1 : this.int32()
    if (lengthBytes < 0) return null
    const start = this.#skip(lengthBytes)
    return this.#bytes.subarray(start, this.#at)
  }

  /** A view of the bytes, not a copy; null is read as empty. */
  bytes(): Buffer {
    return this.nullableBytes() ?? noBytes
  }

  /** A null array is read as an empty one. */
  array<T>(read: () => T): T[] {
    const count = this.#flexible ? this.unsignedVarint() - 1 : this.int32()
    // Every item takes a byte at least, so a length out of thin air cannot take our memory.
    if (count > this.#bytes.length - this.#at) throw tooShort()
    const items: T[] = []
    for (let index = 0; index < count; index++) items.push(read())
    return items
  }

  /** The end of a structure: in a flexible version, skips the tagged fields we do not know. */
  tags(): void {
    if (!this.#flexible) return
    for (let left = this.unsignedVarint(); left > 0; left--) {
      this.unsignedVarint()
      this.#skip(this.unsignedVarint())
    }
  }

  /** The tagged fields of a structure: `read` is given each tag with a reader of its bytes. */
  taggedFields(read: (tag: number, field: ProtocolReader) => void): void {
    for (let left = this.unsignedVarint(); left > 0; left--) {
      const tag = this.unsignedVarint()
      const start = this.#skip(this.unsignedVarint())
      read(tag, new ProtocolReader(this.#bytes.subarray(start, this.#at), true))
    }
  }

  /** `throttle_time_ms` (KIP-219), kept for whoever sends the next request. */
  throttle(): void {
    this.#throttledMs = this.int32()
  }

  get throttledMs(): number {
    return this.#throttledMs
  }

  #skip(lengthBytes: number): number {
    const start = this.#at
    if (start + lengthBytes > this.#bytes.length) throw tooShort()
    this.#at = start + lengthBytes
    return start
  }
}

const tooShort = (): RangeError => new RangeError('the bytes end too early')
