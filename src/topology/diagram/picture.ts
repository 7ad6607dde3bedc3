import type { Point } from './layout/graph.ts'
import type { SketchCard, SketchStore, SketchTopic } from './sketch.ts'

/** A sketch with a place for everything, in pixels from the upper left corner. */
export interface Picture {
  readonly width: number
  readonly height: number
  readonly title: string
  readonly boxes: readonly (Frame & { readonly title: string; readonly titleX: number })[]
  readonly cards: readonly (Frame & { readonly card: SketchCard })[]
  readonly stores: readonly (Frame & { readonly store: SketchStore })[]
  readonly topics: readonly (Frame & { readonly topic: SketchTopic })[]
  readonly lines: readonly PictureLine[]
  readonly deadLetters: string | undefined
}

export interface Frame {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

export interface PictureLine {
  readonly points: readonly Point[]
  /** `record` ends in an arrow, `part` is one that another line goes on with, `store` has none. */
  readonly kind: 'record' | 'part' | 'store'
  /** Round bends of right angles, or curves. */
  readonly shape: 'curves' | 'corners'
  readonly label: string | undefined
}
