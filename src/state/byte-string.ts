/**
 * Bytes as they are held in memory: a string of one character (U+0000 to U+00FF) a byte. It is a
 * Map key, `<` orders it as the bytes are ordered, and the garbage collector moves it: a small
 * `Buffer` would pin the 8 KiB slab that it was cut from for as long as it lives.
 */
export type ByteString = string

/** The first `length` bytes. */
export const byteString = (bytes: Uint8Array, length = bytes.length): ByteString =>
  Buffer.prototype.latin1Slice.call(bytes, 0, length)

export const bytesOf = (text: ByteString): Buffer => Buffer.from(text, 'latin1')

/** Writes the bytes at `start`; returns where they end. */
export const writeBytes = (text: ByteString, target: Uint8Array, start: number): number =>
  start + (Buffer.prototype.latin1Write.call(target, text, start, text.length) as number)
