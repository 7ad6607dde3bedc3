import type { RecordMeta } from '../../core/record-meta.ts'
import type { DirtyEntry, WriteBuffer } from '../cache/write-buffer.ts'
import { byteString } from '../byte-string.ts'
import type { ChangelogWriter } from '../store.ts'
import type { Progress, StreamTime } from '../window-store.ts'

/** Of the local row: after the last group. */
export const PROGRESS_KEY = Buffer.alloc(8, 0xff)
/**
 * In the changelog it looks like a row of time 0, which Kafka Streams reads over as one that has
 * expired: a key, the time, and a sequence number; or a key and a session that ends before it
 * starts, which is why no row of ours is like it.
 */
const NOBODY = Buffer.from('millrace.progress')
const TIME_ZERO = Buffer.alloc(8)
const WINDOW_PROGRESS = Buffer.concat([NOBODY, TIME_ZERO, Buffer.alloc(4, 0xff)])
const SESSION_PROGRESS = Buffer.concat([NOBODY, TIME_ZERO, Buffer.of(0, 0, 0, 0, 0, 0, 0, 1)])
const SEQUENCE_MAX = 2 ** 32 - 1
const progressKey = byteString(PROGRESS_KEY)

export const progressKeyOf = (isSession: boolean): Uint8Array =>
  isSession ? SESSION_PROGRESS : WINDOW_PROGRESS

/** Of a record of the changelog. */
export const isProgress = (key: Uint8Array): boolean =>
  WINDOW_PROGRESS.equals(key) || SESSION_PROGRESS.equals(key)

/** Of rows, for a store whose rows others may have written. */
export interface LatestTime {
  readonly isSession: boolean
  /** The largest time of a row: at least `knownMs`; what is older is not looked at. */
  readonly latestMs: (knownMs: number) => number
}

/**
 * How far a store and its owner have come, in a row of its own that is written with a commit if it
 * changed: the rows alone do not say it, since the latest may have been deleted, and stream time
 * must not go back after a restart.
 */
export class SavedProgress implements Progress {
  isIdle = false
  readonly #buffer: WriteBuffer
  readonly #changelog: ChangelogWriter | undefined
  readonly #rows: LatestTime | undefined
  #isRead = false
  #streamTimeMs = -1
  #closedMs = -1
  #observedMs = -1
  #sequence = 0
  #inputTimesMs: Record<string, number> = {}
  #heardMs = -1
  #changed = false
  #entry: DirtyEntry | undefined

  constructor(
    buffer: WriteBuffer,
    changelog: ChangelogWriter | undefined,
    rows: LatestTime | undefined,
  ) {
    this.#buffer = buffer
    this.#changelog = changelog
    this.#rows = rows
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
    const key = progressKeyOf(this.#rows?.isSession ?? false)
    this.#changelog?.append(key, value, Math.max(meta.timestampMs, this.#streamTimeMs, 0))
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
    // Kafka Streams may have put rows, and does not say how far it came.
    if (this.#rows !== undefined) this.#observedMs = this.#rows.latestMs(this.#observedMs)
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
