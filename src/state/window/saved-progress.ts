import type { RecordMeta } from '../../core/record-meta.ts'
import type { WriteBuffer } from '../cache/write-buffer.ts'
import { byteString } from '../byte-string.ts'
import type { ChangelogWriter } from '../store.ts'
import type { Progress } from '../window-store.ts'

/** After the last group; in the changelog no row has so short a key. */
export const PROGRESS_KEY = Buffer.alloc(8, 0xff)
const SEQUENCE_MAX = 2 ** 32 - 1
const progressKey = byteString(PROGRESS_KEY)

export const isProgress = (key: Uint8Array): boolean => PROGRESS_KEY.equals(key)

/**
 * How far a store and its owner have come, in a row of its own that is written with a commit if it
 * changed: the rows alone do not say it, since the latest may have been deleted, and stream time
 * must not go back after a restart.
 */
export class SavedProgress implements Progress {
  readonly #buffer: WriteBuffer
  readonly #changelog: ChangelogWriter | undefined
  #isRead = false
  #streamTimeMs = -1
  #closedMs = -1
  #observedMs = -1
  #sequence = 0
  #changed = false

  constructor(buffer: WriteBuffer, changelog: ChangelogWriter | undefined) {
    this.#buffer = buffer
    this.#changelog = changelog
  }

  get streamTimeMs(): number {
    this.#read()
    return this.#streamTimeMs
  }

  set streamTimeMs(timeMs: number) {
    this.#read()
    this.#changed ||= timeMs !== this.#streamTimeMs
    this.#streamTimeMs = timeMs
  }

  get closedMs(): number {
    this.#read()
    return this.#closedMs
  }

  set closedMs(timeMs: number) {
    this.#read()
    this.#changed ||= timeMs !== this.#closedMs
    this.#closedMs = timeMs
  }

  /** The largest time that was put. */
  get observedMs(): number {
    this.#read()
    return this.#observedMs
  }

  set observedMs(timeMs: number) {
    this.#read()
    this.#changed ||= timeMs !== this.#observedMs
    this.#observedMs = timeMs
  }

  /** For a row that must not replace another one: not 0, and not given before. */
  nextSequence(): number {
    this.#read()
    this.#changed = true
    this.#sequence = (this.#sequence % SEQUENCE_MAX) + 1
    return this.#sequence
  }

  save(meta: RecordMeta): void {
    if (!this.#changed) return
    this.#changed = false
    const value = Buffer.from(
      JSON.stringify([this.#streamTimeMs, this.#closedMs, this.#observedMs, this.#sequence]),
    )
    this.#changelog?.append(PROGRESS_KEY, value, Math.max(meta.timestampMs, this.#streamTimeMs, 0))
    this.#buffer.put(progressKey, byteString(value))
  }

  /** What is in the store counts again. */
  forget(): void {
    this.#isRead = false
  }

  /** At the first use: the store was restored before it. */
  #read(): void {
    if (this.#isRead) return
    this.#isRead = true
    const stored = this.#buffer.get(PROGRESS_KEY)
    const times = stored === undefined ? ([-1, -1, -1, 0] as const) : parsed(stored)
    ;[this.#streamTimeMs, this.#closedMs, this.#observedMs, this.#sequence] = times
  }
}

const parsed = (stored: Uint8Array): readonly [number, number, number, number] =>
  JSON.parse(Buffer.from(stored).toString()) as [number, number, number, number]
