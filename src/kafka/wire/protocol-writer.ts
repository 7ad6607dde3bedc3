const TWO_POW_32 = 4_294_967_296
const UUID_BYTES = 16

/**
 * Kafka's primitive types (https://kafka.apache.org/protocol#protocol_types), written one after the
 * other into a buffer that grows. In a flexible version (KIP-482) strings, bytes and arrays are
 * written in their compact form and every structure ends in tagged fields; in an older one
 * {@link ProtocolWriter.tags} writes nothing, so one encoder serves both.
 */
export class ProtocolWriter {
  readonly #flexible: boolean
  #bytes: Buffer
  #at = 0

  constructor(flexible: boolean, capacityBytes = 512) {
    this.#flexible = flexible
    this.#bytes = Buffer.allocUnsafe(capacityBytes)
  }

  int8(value: number): this {
    this.#reserve(1)
    this.#at = this.#bytes.writeInt8(value, this.#at)
    return this
  }

  int16(value: number): this {
    this.#reserve(2)
    this.#at = this.#bytes.writeInt16BE(value, this.#at)
    return this
  }

  int32(value: number): this {
    this.#reserve(4)
    this.#at = this.#bytes.writeInt32BE(value, this.#at)
    return this
  }

  /** An int64 that is a safe integer. */
  int64(value: number): this {
    this.#reserve(8)
    this.#bytes.writeInt32BE(Math.floor(value / TWO_POW_32), this.#at)
    this.#at = this.#bytes.writeUInt32BE(value >>> 0, this.#at + 4)
    return this
  }

  boolean(value: boolean): this {
    return this.int8(value ? 1 : 0)
  }

  unsignedVarint(value: number): this {
    this.#reserve(5)
    let rest = value >>> 0
    while (rest > 0x7f) {
      this.#bytes[this.#at++] = (rest & 0x7f) | 0x80
      rest >>>= 7
    }
    this.#bytes[this.#at++] = rest
    return this
  }

  string(value: string | null): this {
    if (!this.#flexible) return this.plainString(value)
    if (value === null) return this.unsignedVarint(0)
    const lengthBytes = Buffer.byteLength(value)
    return this.unsignedVarint(lengthBytes + 1).#text(value, lengthBytes)
  }

  /** As `ProtocolReader` gives it: empty for the one of zeros. */
  uuid(id: string): this {
    this.#reserve(UUID_BYTES)
    this.#bytes.fill(0, this.#at, this.#at + UUID_BYTES)
    this.#bytes.write(id, this.#at, UUID_BYTES, 'base64url')
    this.#at += UUID_BYTES
    return this
  }

  /** Not compact whatever the version: the client id of a request header. */
  plainString(value: string | null): this {
    if (value === null) return this.int16(-1)
    const lengthBytes = Buffer.byteLength(value)
    return this.int16(lengthBytes).#text(value, lengthBytes)
  }

  bytes(value: Uint8Array | null): this {
    const lengthBytes = value === null ? -1 : value.length
    if (this.#flexible) this.unsignedVarint(lengthBytes + 1)
    else this.int32(lengthBytes)
    if (value === null) return this
    this.#reserve(value.length)
    this.#bytes.set(value, this.#at)
    this.#at += value.length
    return this
  }

  /** `null` is an array of its own: Metadata takes it for every topic. */
  array<T>(items: readonly T[] | null, write: (item: T) => void): this {
    const count = items === null ? -1 : items.length
    if (this.#flexible) this.unsignedVarint(count + 1)
    else this.int32(count)
    items?.forEach(write)
    return this
  }

  /** No tagged fields: the end of every structure of a flexible version. */
  tags(): this {
    return this.#flexible ? this.int8(0) : this
  }

  /** What was written so far. Nothing may be written afterwards. */
  finish(): Buffer {
    return this.#bytes.subarray(0, this.#at)
  }

  #text(value: string, lengthBytes: number): this {
    this.#reserve(lengthBytes)
    this.#bytes.write(value, this.#at, lengthBytes, 'utf8')
    this.#at += lengthBytes
    return this
  }

  #reserve(moreBytes: number): void {
    const neededBytes = this.#at + moreBytes
    if (neededBytes <= this.#bytes.length) return
    const grown = Buffer.allocUnsafe(Math.max(neededBytes, this.#bytes.length * 2))
    this.#bytes.copy(grown, 0, 0, this.#at)
    this.#bytes = grown
  }
}
