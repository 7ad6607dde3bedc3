/** Bits of the first layer, and how much more each further one has. */
const FIRST_BITS = 2 ** 16
const GROWTH = 4
/** So that about one key in half a million is taken for one that is in here and is not. */
const BITS_PER_KEY = 32
const PROBES = 16
/** All layers together then have taken 5.6 MB, for 1.4 million keys. */
const LAST_BITS = 2 ** 25

/**
 * Which keys are for certain not among those that were added: layers of a Bloom filter, each added
 * when the one before is full. Beyond its bound it gives up and takes every key for a known one.
 */
export class KeyFilter {
  #layers: Uint32Array[] = []
  #room = 0
  #isFull = false

  add(hash: KeyHash): void {
    if (this.#isFull) return
    if (this.#room === 0) this.#grow()
    if (this.#isFull) return
    this.#room--
    const layer = this.#layers[0] as Uint32Array
    const mask = layer.length * 32 - 1
    let { first: at, step } = hash
    for (let probe = 0; probe < PROBES; probe++) {
      const bit = at & mask
      layer[bit >>> 5]! |= 1 << (bit & 31)
      // Steps that grow: equal ones would have whole rows of bits in common.
      step += probe
      at += step
    }
  }

  /** False: for certain not. */
  mayHave(hash: KeyHash): boolean {
    if (this.#isFull) return true
    for (const layer of this.#layers) if (isIn(layer, hash)) return true
    return false
  }

  #grow(): void {
    const last = this.#layers[0]
    const bits = last === undefined ? FIRST_BITS : last.length * 32 * GROWTH
    if (bits > LAST_BITS) {
      this.#isFull = true
      this.#layers = []
      return
    }
    // The largest first: most keys are there.
    this.#layers.unshift(new Uint32Array(bits / 32))
    this.#room = bits / BITS_PER_KEY
  }
}

function isIn(layer: Uint32Array, hash: KeyHash): boolean {
  const mask = layer.length * 32 - 1
  let { first: at, step } = hash
  for (let probe = 0; probe < PROBES; probe++) {
    const bit = at & mask
    if ((layer[bit >>> 5]! & (1 << (bit & 31))) === 0) return false
    step += probe
    at += step
  }
  return true
}

/** Where the bits of a key are: the first, and how far it is from one to the next. */
export class KeyHash {
  first = 0
  step = 0

  /** Of the key's bytes, two hashes that have nothing to do with each other (FNV-1a, mixed). */
  of(bytes: Uint8Array): this {
    let first = 0x811c_9dc5
    let step = 0x9747_b28c
    for (let at = 0; at < bytes.length; at++) {
      const byte = bytes[at]!
      first = Math.imul(first ^ byte, 0x0100_0193)
      step = Math.imul(step ^ byte, 0x5bd1_e995)
      step ^= step >>> 13
    }
    first ^= first >>> 15
    this.first = Math.imul(first, 0x2c1b_3c6d) >>> 1
    // Odd, so that it reaches every bit; their sums are integers that a number holds.
    this.step = (Math.imul(step ^ (step >>> 15), 0x297a_2d39) >>> 4) | 1
    return this
  }
}
