/** Bits of the first layer, and how much more each further one has. */
const FIRST_BITS = 2 ** 13
const GROWTH = 4
/** So that a full layer takes one key in a thousand for its own that is not. */
const BITS_PER_KEY = 16
const PROBES = 6
/** All layers together then have taken 1.4 MB, for 700,000 keys. */
const LAST_BITS = 2 ** 23

/**
 * Which keys are for certain not among those that were added: layers of a Bloom filter, each added
 * when the one before is full. Beyond its bound it gives up and takes every key for a known one.
 */
export class KeyFilter {
  #layers: Uint32Array[] = []
  #room = 0
  #isFull = false

  add(hash: number): void {
    if (this.#isFull) return
    if (this.#room === 0) this.#grow()
    if (this.#isFull) return
    this.#room--
    const layer = this.#layers.at(-1) as Uint32Array
    const mask = layer.length * 32 - 1
    const step = stepOf(hash)
    for (let probe = 0, at = hash; probe < PROBES; probe++, at += step) {
      const bit = at & mask
      layer[bit >>> 5]! |= 1 << (bit & 31)
    }
  }

  /** False: for certain not. */
  mayHave(hash: number): boolean {
    if (this.#isFull) return true
    const step = stepOf(hash)
    for (const layer of this.#layers) if (isIn(layer, hash, step)) return true
    return false
  }

  #grow(): void {
    const last = this.#layers.at(-1)
    const bits = last === undefined ? FIRST_BITS : last.length * 32 * GROWTH
    if (bits > LAST_BITS) {
      this.#isFull = true
      this.#layers = []
      return
    }
    this.#layers.push(new Uint32Array(bits / 32))
    this.#room = bits / BITS_PER_KEY
  }
}

function isIn(layer: Uint32Array, hash: number, step: number): boolean {
  const mask = layer.length * 32 - 1
  for (let probe = 0, at = hash; probe < PROBES; probe++, at += step) {
    const bit = at & mask
    if ((layer[bit >>> 5]! & (1 << (bit & 31))) === 0) return false
  }
  return true
}

/** Odd, so that it reaches every bit; of other bits of the hash than those that it begins with. */
const stepOf = (hash: number): number => (Math.imul(hash, 0x9e37_79b1) >>> 8) | 1

/** 32 bits of a key's bytes (FNV-1a, mixed once more). */
export function hashOf(bytes: Uint8Array): number {
  let hash = 0x811c_9dc5
  for (let at = 0; at < bytes.length; at++) hash = Math.imul(hash ^ bytes[at]!, 0x0100_0193)
  hash ^= hash >>> 15
  return Math.imul(hash, 0x2c1b_3c6d) >>> 0
}
