/** Of steps that let the task take no more records for a while. */
export class Holds {
  #count = 0

  get any(): boolean {
    return this.#count > 0
  }

  /** Returns what ends it; more than once is no harm. */
  readonly hold = (): (() => void) => {
    let isHeld = true
    this.#count += 1
    return () => {
      if (isHeld) this.#count -= 1
      isHeld = false
    }
  }
}
