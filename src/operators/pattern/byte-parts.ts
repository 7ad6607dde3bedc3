/** Bytes put together and taken apart: parts with their lengths in front, and numbers. */

const ABSENT = 0xffffffff
const LENGTH_BYTES = 4
const NUMBER_BYTES = 8

export class PartsWriter {
  #bytes = Buffer.allocUnsafe(256)
  #end = 0

  /** Begins anew, also after a part that could not be written. */
  start(kind: number): this {
    this.#end = this.#bytes.writeUInt8(kind, 0)
    return this
  }

  /** A copy: a serde may use its buffer again. */
  part(part: Uint8Array | null): this {
    this.#reserve(LENGTH_BYTES + (part?.length ?? 0))
    this.#end = this.#bytes.writeUInt32BE(part === null ? ABSENT : part.length, this.#end)
    if (part !== null) {
      this.#bytes.set(part, this.#end)
      this.#end += part.length
    }
    return this
  }

  number(value: number): this {
    this.#reserve(NUMBER_BYTES)
    this.#end = this.#bytes.writeDoubleBE(value, this.#end)
    return this
  }

  /** Valid until the writer is used again. */
  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#end)
  }

  #reserve(length: number): void {
    if (this.#end + length <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe(2 * (this.#end + length))
    larger.set(this.#bytes.subarray(0, this.#end))
    this.#bytes = larger
  }
}

export class PartsReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  part(): Buffer | null {
    const length = this.#bytes.readUInt32BE(this.#at)
    this.#at += LENGTH_BYTES
    if (length === ABSENT) return null
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }

  number(): number {
    this.#at += NUMBER_BYTES
    return this.#bytes.readDoubleBE(this.#at - NUMBER_BYTES)
  }

  kind(): number {
    this.#at = 1
    return this.#bytes.readUInt8(0)
  }
}
