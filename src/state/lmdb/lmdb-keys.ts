/*
 * LMDB refuses the empty key and, with pages of 4 KiB, keys beyond 1978 bytes. These keep every
 * key, in its order:
 * - A key of nothing but zeros, the empty one included, gets one more zero. Nothing lies between.
 * - Keys beyond 1976 bytes that begin with the same 1976 bytes stand together in one LMDB entry, a
 *   bucket, whose key is those bytes and two zeros: after the key that ends there, before the next.
 */
const PLAIN_KEY_BYTES_MAX = 1_976
const BUCKET_KEY_BYTES = PLAIN_KEY_BYTES_MAX + 2

/** True for a key that stands in a bucket. */
export const isLong = (key: Uint8Array): boolean => key.length > PLAIN_KEY_BYTES_MAX

export const isBucket = (lmdbKey: Uint8Array): boolean => lmdbKey.length === BUCKET_KEY_BYTES

/** The key in LMDB, of a long key its bucket's. */
export function toLmdbKey(key: Uint8Array): Uint8Array {
  if (isLong(key)) {
    const bucket = new Uint8Array(BUCKET_KEY_BYTES)
    bucket.set(key.subarray(0, PLAIN_KEY_BYTES_MAX))
    return bucket
  }
  return isZeros(key) ? new Uint8Array(key.length + 1) : key
}

/** Of a plain key only. */
export const fromLmdbKey = (lmdbKey: Uint8Array): Uint8Array =>
  isZeros(lmdbKey) ? lmdbKey.subarray(1) : lmdbKey

/** What a long key has beyond its bucket's key. */
export const restOf = (key: Uint8Array): Uint8Array => key.subarray(PLAIN_KEY_BYTES_MAX)

export const longKey = (bucketKey: Uint8Array, rest: Uint8Array): Uint8Array =>
  Buffer.concat([bucketKey.subarray(0, PLAIN_KEY_BYTES_MAX), rest])

function isZeros(key: Uint8Array): boolean {
  for (let index = 0; index < key.length; index++) {
    if (key[index] !== 0) return false
  }
  return true
}
