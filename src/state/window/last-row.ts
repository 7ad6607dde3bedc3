import type { Slot } from './row-layout.ts'

/** The row that was looked up last, where its key is a primitive: an object may change. */
export class LastRow<K, R> {
  #key: K | undefined
  #startMs = -1
  #endMs = -1
  #row: R | undefined

  find({ key, window, sequence }: Slot<K>): R | undefined {
    const isIt =
      this.#row !== undefined &&
      this.#startMs === window.startMs &&
      this.#endMs === window.endMs &&
      sequence === undefined &&
      // Not for 0 and -0.
      Object.is(this.#key, key)
    return isIt ? this.#row : undefined
  }

  keep({ key, window, sequence }: Slot<K>, row: R): void {
    if (typeof key === 'object' || sequence !== undefined) {
      this.forget()
      return
    }
    this.#key = key
    this.#startMs = window.startMs
    this.#endMs = window.endMs
    this.#row = row
  }

  forget(): void {
    this.#key = undefined
    this.#row = undefined
  }
}
