import type { RecordMeta } from '../../core/record-meta.ts'
import type { DirtyEntry, WriteBuffer } from '../cache/write-buffer.ts'
import { byteString } from '../byte-string.ts'
import type { ChangelogWriter } from '../store.ts'
import type { Progress, StreamTime } from '../window-store.ts'

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
  isIdle = false
  readonly #buffer: WriteBuffer
  readonly #changelog: ChangelogWriter | undefined
  #isRead = false
  #streamTimeMs = -1
  #closedMs = -1
  #observedMs = -1
  #sequence = 0
  #inputTimesMs: Record<string, number> = {}
  #heardMs = -1
  #changed = false
  #entry: DirtyEntry | undefined

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

  /** The stream time of one of several streams. */
  streamTimeOf(input: string): StreamTime {
    const streamTimeMs = (): number => {
      this.#read()
      return this.#inputTimesMs[input] ?? -1
    }
    const move = (timeMs: number): void => {
      this.#changed ||= timeMs !== streamTimeMs()
      this.#inputTimesMs[input] = timeMs
    }
    return {
      get streamTimeMs() {
        return streamTimeMs()
      },
      set streamTimeMs(timeMs) {
        move(timeMs)
      },
    }
  }

  get heardMs(): number {
    this.#read()
    return this.#heardMs
  }

  set heardMs(timeMs: number) {
    this.#read()
    this.#changed ||= timeMs !== this.#heardMs
    this.#heardMs = timeMs
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
    const own = [this.#streamTimeMs, this.#closedMs, this.#observedMs, this.#sequence]
    const hasInputs = Object.keys(this.#inputTimesMs).length > 0
    const hasMore = hasInputs || this.#heardMs >= 0
    const more = hasMore ? [this.#inputTimesMs, this.#heardMs] : []
    const value = Buffer.from(JSON.stringify([...own, ...more]))
    this.#changelog?.append(PROGRESS_KEY, value, Math.max(meta.timestampMs, this.#streamTimeMs, 0))
    this.#entry = this.#buffer.putOwn(progressKey, byteString(value), this.#entry)
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
    const saved: Saved =
      stored === undefined ? [-1, -1, -1, 0] : (JSON.parse(Buffer.from(stored).toString()) as Saved)
    ;[this.#streamTimeMs, this.#closedMs, this.#observedMs, this.#sequence] = saved
    this.#inputTimesMs = { ...saved[4] }
    this.#heardMs = saved[5] ?? -1
  }
}

type Saved = readonly [
  streamTimeMs: number,
  closedMs: number,
  observedMs: number,
  sequence: number,
  inputTimesMs?: Readonly<Record<string, number>>,
  heardMs?: number,
]
