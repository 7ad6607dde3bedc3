/** The order of keys: unsigned bytes, then length. */
export const compareBytes = (a: Uint8Array, b: Uint8Array): number => Buffer.compare(a, b)

/** The least key greater than `key`: makes an inclusive end an exclusive one, and the reverse. */
export function successor(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.length + 1)
  next.set(key)
  return next
}

/** The least key greater than every key that starts with `prefix`; null where there is none. */
export function prefixEnd(prefix: Uint8Array): Uint8Array | null {
  const last = prefix.findLastIndex((byte) => byte !== 0xff)
  if (last === -1) return null
  // Not `slice`, which on a Buffer is no copy.
  const end = new Uint8Array(prefix.subarray(0, last + 1))
  end[last] = prefix[last]! + 1
  return end
}
