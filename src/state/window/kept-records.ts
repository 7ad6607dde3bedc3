import type { KeyValueStoreContext } from '../key-value/key-value-store.ts'
import { owned } from '../key-value/store-values.ts'
import { timestampedText } from '../key-value/timestamped-bytes.ts'
import type { ChangelogWriter } from '../store.ts'
import type { RecordRows } from '../window-store.ts'
import { KeyFilter, KeyHash } from './key-filter.ts'
import { Run, Runs } from './runs.ts'
import type { WindowedRows } from './windowed-rows.ts'

/** Of earlier groups it is not known which keys have rows. */
const FILTERS_MAX = 64

/**
 * The rows of a store that keeps duplicates, as a join uses them: most keys it asks for have no
 * row, or a few that came a moment ago. So it is remembered which keys have rows in which group,
 * and the rows of those in use; the store itself is read for the others only, in ranges of one key,
 * so that nothing costs more because other keys, or other times of this key, have many rows.
 */
export class KeptRecords<K, V> implements RecordRows<K, V> {
  readonly #rows: WindowedRows<K, V>
  readonly #changelog: ChangelogWriter | undefined
  readonly #runs: Runs<V>
  /** By group: the keys that have rows in it, for groups that were not there when this began. */
  readonly #filters = new Map<number, KeyFilter>()
  /** Of the key that is being dealt with. */
  readonly #hash = new KeyHash()
  /** In groups from here on no key has rows but those of the filters; undefined: not known yet. */
  #filteredFromMs: number | undefined

  constructor(rows: WindowedRows<K, V>, context: KeyValueStoreContext) {
    this.#rows = rows
    this.#changelog = context.changelog
    this.#runs = new Runs(context.readCacheMaxBytes)
  }

  readonly add = (key: K, startMs: number, value: V): boolean => {
    this.put(key, startMs, value, startMs)
    return startMs >= this.#rows.visibleFromMs
  }

  put(key: K, startMs: number, value: V, timestampMs: number): void {
    const { layout, saved } = this.#rows
    const keyBytes = this.#rows.encodeKey(key)
    const valueBytes = this.#rows.rows.encodeValue(value)
    if (startMs < this.#rows.keptFromMs) return
    const sequence = saved.nextSequence()
    this.#changelog?.append(
      layout.changelogKey(keyBytes, startMs, sequence),
      valueBytes,
      timestampMs,
    )
    // Before the observed time moves: that decides where the filters begin.
    this.#remember(keyBytes, startMs, owned(value), valueBytes.length)
    if (saved.observedMs < 0) this.#rows.begin(startMs)
    if (startMs > saved.observedMs) saved.observedMs = startMs
    const text = layout.localText(keyBytes, startMs, sequence)
    this.#rows.rows.buffer.putNew(text, timestampedText(valueBytes, timestampMs))
    this.#rows.wrote()
  }

  #remember(keyBytes: Uint8Array, startMs: number, value: V, valueBytes: number): void {
    const { layout } = this.#rows
    const group = layout.groupOf(startMs)
    const id = layout.groupText(keyBytes, group)
    const hash = this.#hash.of(keyBytes)
    if (this.#mayHave(group, hash)) {
      const run = this.#runs.get(id)
      if (run !== undefined) this.#runs.add(run, startMs, value, valueBytes)
    } else {
      const run = new Run<V>(id.length)
      run.add(startMs, value, valueBytes)
      this.#runs.keep(id, run)
    }
    this.#filterOf(group)?.add(hash)
  }

  readonly each = (
    key: K,
    fromMs: number,
    toMs: number,
    show: (value: V, startMs: number) => void,
  ): boolean => {
    const { layout, saved, visibleFromMs } = this.#rows
    const from = Math.max(fromMs, visibleFromMs)
    const to = Math.min(toMs, saved.observedMs)
    if (from > to) return false
    const keyBytes = this.#rows.encodeKey(key)
    const hash = this.#hash.of(keyBytes)
    let found = false
    for (let group = layout.groupOf(from); group <= to; group = layout.groupAfter(group)) {
      if (!this.#mayHave(group, hash)) continue
      const run = this.#runOf(keyBytes, group)
      const some = run.isTooLong
        ? this.#eachStored(keyBytes, group, from, to, show)
        : run.each(from, to, show)
      found ||= some
    }
    return found
  }

  #runOf(keyBytes: Uint8Array, group: number): Run<V> {
    const { layout } = this.#rows
    const id = layout.groupText(keyBytes, group)
    const known = this.#runs.get(id)
    if (known !== undefined) return known
    const run = new Run<V>(id.length)
    const end = layout.groupAfter(group) - 1
    for (const [startMs, stored] of this.#rows.stored(keyBytes, group, end)) {
      run.add(startMs, this.#rows.rows.decodeValue(stored), stored.length)
      if (run.isTooLong) break
    }
    this.#runs.keep(id, run)
    return run
  }

  #eachStored(
    keyBytes: Uint8Array,
    group: number,
    fromMs: number,
    toMs: number,
    show: (value: V, startMs: number) => void,
  ): boolean {
    const first = Math.max(group, fromMs)
    const last = Math.min(this.#rows.layout.groupAfter(group) - 1, toMs)
    let found = false
    for (const [startMs, stored] of this.#rows.stored(keyBytes, first, last)) {
      found = true
      show(this.#rows.rows.decodeValue(stored), startMs)
    }
    return found
  }

  #mayHave(group: number, hash: KeyHash): boolean {
    if (group < this.#filteredFrom()) return true
    return this.#filters.get(group)?.mayHave(hash) ?? false
  }

  #filterOf(group: number): KeyFilter | undefined {
    if (group < this.#filteredFrom()) return undefined
    let filter = this.#filters.get(group)
    if (filter === undefined) {
      const { layout, visibleFromMs } = this.#rows
      // Nothing is looked for in what has expired.
      this.#forgetBefore(layout.groupOf(visibleFromMs))
      if (this.#filters.size === FILTERS_MAX) {
        this.#forgetBefore(layout.groupAfter(Math.min(...this.#filters.keys())))
        if (group < this.#filteredFrom()) return undefined
      }
      filter = new KeyFilter()
      this.#filters.set(group, filter)
    }
    return filter
  }

  #forgetBefore(group: number): void {
    if (group <= this.#filteredFrom()) return
    this.#filteredFromMs = group
    for (const known of this.#filters.keys()) if (known < group) this.#filters.delete(known)
  }

  #filteredFrom(): number {
    if (this.#filteredFromMs === undefined) {
      const { layout, saved } = this.#rows
      // What was put before, in an earlier life of the task, nobody has counted.
      const { observedMs } = saved
      this.#filteredFromMs = observedMs < 0 ? 0 : layout.groupAfter(layout.groupOf(observedMs))
    }
    return this.#filteredFromMs
  }

  /** What is in the store was changed without this, or dropped. */
  clear(): void {
    if (this.#filteredFromMs === undefined) return
    this.#runs.clear()
    this.#filters.clear()
    this.#filteredFromMs = undefined
  }
}
