import type { Serde } from './serde.ts'

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** UTF-8 text, as Kafka's `StringSerializer` writes it; bytes that are no UTF-8 are refused. */
export const string: Serde<string> = {
  name: 'string',
  serialize: (value) => {
    if (typeof value !== 'string') throw new TypeError(`expected a string, got ${typeof value}`)
    return Buffer.from(value, 'utf8')
  },
  deserialize: (bytes) => decodeUtf8(bytes),
}

/** Decodes UTF-8; throws a `TypeError` where the bytes are not valid. */
export function decodeUtf8(bytes: Uint8Array): string {
  const text = Buffer.prototype.utf8Slice.call(bytes, 0, bytes.length)
  // A replacement character is either in the input or stands for broken bytes: only then look
  // twice.
  return text.includes('\ufffd') ? decoder.decode(bytes) : text
}
