import type { SketchCard, SketchStore, SketchTopic } from './sketch.ts'
import { shortened, textWidth } from './text-width.ts'

/** Sizes of a picture, in pixels. */
export const sizes = {
  title: 20,
  text: 13,
  small: 11,
  cardPaddingX: 16,
  cardWidthMin: 96,
  /** Of a card with a title only; one more line makes it higher. */
  cardHeight: 36,
  cardLine: 17,
  storeRow: 26,
  storeHeight: 46,
  topicHeight: 34,
  /** The round end of a topic, and the lid of a store. */
  bow: 7,
  boxPadding: 20,
  boxTitle: 30,
  boxBottom: 18,
  margin: 32,
} as const

/** Longer names are shown with their two ends. */
const NAME_LENGTH_MAX = 44

export const shown = (name: string): string => shortened(name, NAME_LENGTH_MAX)

export interface Size {
  readonly width: number
  readonly height: number
}

const ICON = 20

const storeWidth = ({ label, note }: SketchStore): number =>
  ICON +
  textWidth(shown(label), sizes.small) +
  (note === undefined ? 0 : textWidth(` · ${note}`, sizes.small))

export function cardSize({ title, detail, stores }: SketchCard): Size {
  const widths = [
    textWidth(shown(title), sizes.text, true),
    detail === undefined ? 0 : textWidth(shown(detail), sizes.small),
    ...stores.map(storeWidth),
  ]
  const width = Math.max(sizes.cardWidthMin, Math.max(...widths) + 2 * sizes.cardPaddingX)
  return {
    width: even(width),
    height:
      sizes.cardHeight +
      (detail === undefined ? 0 : sizes.cardLine) +
      stores.length * sizes.storeRow,
  }
}

export const storeSize = ({ label, note }: SketchStore): Size => ({
  width: even(
    Math.max(
      textWidth(shown(label), sizes.small),
      note === undefined ? 0 : textWidth(note, sizes.small),
    ) +
      2 * sizes.cardPaddingX,
  ),
  height: sizes.storeHeight + (note === undefined ? 0 : sizes.cardLine),
})

export const topicSize = ({ label }: SketchTopic): Size => ({
  width: even(textWidth(shown(label), sizes.text) + 2 * sizes.cardPaddingX + 2 * sizes.bow),
  height: sizes.topicHeight,
})

/** So that the middle is a whole pixel. */
export const even = (width: number): number => width + (width % 2)
