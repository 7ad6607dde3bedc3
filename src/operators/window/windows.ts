/** When results of a window are sent on: with each record, or once, when the window has closed. */
export type EmitWhen = 'updates' | 'on-close'

interface Grace {
  /** How much later than the end of a window, in stream time, its records may still come. */
  readonly graceMs: number
}

/** Windows of one length that start at multiples of `advanceMs`; they do not contain their end. */
export interface FixedWindows extends Grace {
  readonly kind: 'fixed'
  readonly sizeMs: number
  readonly advanceMs: number
}

/** Windows that begin or end with a record; they contain both their ends. */
export interface SlidingWindows extends Grace {
  readonly kind: 'sliding'
  readonly differenceMs: number
}

/** Windows that grow with their records until none has come for `gapMs`. */
export interface SessionWindows extends Grace {
  readonly kind: 'session'
  readonly gapMs: number
}

export type Windows = FixedWindows | SlidingWindows | SessionWindows
