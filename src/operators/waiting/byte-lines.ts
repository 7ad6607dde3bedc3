/** Writes numbers, texts and bytes one after the other. */
export class ByteWriter {
  /** One for all: what is written is finished before the next one begins. */
  static #room = Buffer.allocUnsafeSlow(1_024)
  #end = 0

  uint8(value: number): void {
    const at = this.#grow(1)
    ByteWriter.#room[at] = value
  }

  uint32(value: number): void {
    const at = this.#grow(4)
    ByteWriter.#room.writeUInt32BE(value, at)
  }

  double(value: number): void {
    const at = this.#grow(8)
    ByteWriter.#room.writeDoubleBE(value, at)
  }

  text(value: string): void {
    const length = Buffer.byteLength(value)
    this.uint32(length)
    const at = this.#grow(length)
    ByteWriter.#room.write(value, at)
  }

  /** Its length plus one, or 0 for null, then the bytes. */
  bytes(value: Uint8Array | null): void {
    if (value === null) {
      this.uint32(0)
      return
    }
    this.uint32(value.length + 1)
    const at = this.#grow(value.length)
    ByteWriter.#room.set(value, at)
  }

  /** A copy of what was written. */
  finish(): Uint8Array {
    return Buffer.from(ByteWriter.#room.subarray(0, this.#end))
  }

  #grow(bytes: number): number {
    const at = this.#end
    this.#end += bytes
    if (this.#end > ByteWriter.#room.length) {
      const larger = Buffer.allocUnsafeSlow(2 * this.#end)
      larger.set(ByteWriter.#room.subarray(0, at))
      ByteWriter.#room = larger
    }
    return at
  }
}

/** Reads what a {@link ByteWriter} has written; bytes point into what is read. */
export class ByteReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  uint8(): number {
    return this.#bytes.readUInt8(this.#skip(1))
  }

  uint32(): number {
    return this.#bytes.readUInt32BE(this.#skip(4))
  }

  double(): number {
    return this.#bytes.readDoubleBE(this.#skip(8))
  }

  text(): string {
    const length = this.uint32()
    const at = this.#skip(length)
    return this.#bytes.toString('utf8', at, at + length)
  }

  bytes(): Uint8Array | null {
    const length = this.uint32() - 1
    if (length < 0) return null
    const at = this.#skip(length)
    return this.#bytes.subarray(at, at + length)
  }

  #skip(bytes: number): number {
    const at = this.#at
    this.#at += bytes
    return at
  }
}
