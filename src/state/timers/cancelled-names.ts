import type { ByteString } from '../byte-string.ts'
import { namePartOf, type TimerTexts } from './timer-layout.ts'

/** Names of keys that are known; as many again may be there from before. */
const NAMES_MAX = 10_000

/**
 * The timers of the names that were cancelled lately. To cancel a name the store is read for its
 * timers; who cancels and sets again with every record reads it once. Two generations: when the
 * young one is full it becomes the old one.
 */
export class CancelledNames {
  #young = new Map<ByteString, TimerTexts[]>()
  #old = new Map<ByteString, TimerTexts[]>()

  /** The timers of a name, `read` from the store where they are not known. */
  of(name: ByteString, read: () => TimerTexts[]): readonly TimerTexts[] {
    const young = this.#young.get(name)
    if (young !== undefined) return young
    const timers = this.#old.get(name) ?? read()
    if (this.#young.size >= NAMES_MAX) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(name, timers)
    return timers
  }

  added(texts: TimerTexts): void {
    for (const timers of this.#known(texts)) timers.push(texts)
  }

  deleted(texts: TimerTexts): void {
    for (const timers of this.#known(texts)) {
      const at = timers.findIndex(({ byKey }) => byKey === texts.byKey)
      if (at >= 0) timers.splice(at, 1)
    }
  }

  forget(): void {
    this.#young.clear()
    this.#old.clear()
  }

  /** A list that is in both generations is the same one. */
  #known({ byKey }: TimerTexts): readonly TimerTexts[][] {
    if (this.#young.size === 0) return []
    const name = namePartOf(byKey)
    const timers = this.#young.get(name) ?? this.#old.get(name)
    return timers === undefined ? [] : [timers]
  }
}
