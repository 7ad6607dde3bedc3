/**
 * Bytes as they are held in memory: a string of one character (U+0000 to U+00FF) a byte. It is a
 * Map key, `<` orders it as the bytes are ordered, and the garbage collector moves it: a small
 * `Buffer` would pin the 8 KiB slab that it was cut from for as long as it lives.
 */
export type ByteString = string

export const byteString = (bytes: Uint8Array): ByteString =>
  Buffer.prototype.latin1Slice.call(bytes, 0, bytes.length)

export const bytesOf = (text: ByteString): Buffer => Buffer.from(text, 'latin1')
