const BITS = 2
/** It stands for every larger number too. */
export const MANY = 3

/**
 * Up to sixteen small counts of each input record in four bytes, so that a demo that ran all night
 * can be accounted for too. A count ends at `MANY`.
 */
export class Marks<Name extends string> {
  readonly #shifts: ReadonlyMap<Name, number>
  #marks = new Uint32Array(64 * 1024)
  #length = 0

  constructor(names: readonly Name[]) {
    this.#shifts = new Map(names.map((name, index) => [name, index * BITS]))
  }

  /** One more than the largest number that has been marked. */
  get length(): number {
    return this.#length
  }

  add(number: number, name: Name): void {
    if (!Number.isSafeInteger(number) || number < 0) return
    if (number >= this.#marks.length) {
      const larger = new Uint32Array(2 * number)
      larger.set(this.#marks)
      this.#marks = larger
    }
    this.#length = Math.max(this.#length, number + 1)
    if (this.get(number, name) < MANY) this.#marks[number]! += 1 << this.#shiftOf(name)
  }

  get(number: number, name: Name): number {
    return ((this.#marks[number] ?? 0) >>> this.#shiftOf(name)) & MANY
  }

  /** Whether anything at all was marked. */
  isMarked(number: number): boolean {
    return (this.#marks[number] ?? 0) !== 0
  }

  #shiftOf(name: Name): number {
    return this.#shifts.get(name) ?? 0
  }
}
