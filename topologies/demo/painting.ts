export type Style = 'bold' | 'dim' | 'green' | 'yellow' | 'red' | 'cyan'

/** A part of a line; text alone is plain. */
export type Piece = string | readonly [style: Style, text: string]
export type Line = readonly Piece[]

/** Select Graphic Rendition, on and off. */
const codes: Readonly<Record<Style, readonly [on: number, off: number]>> = {
  bold: [1, 22],
  dim: [2, 22],
  green: [32, 39],
  yellow: [33, 39],
  red: [31, 39],
  cyan: [36, 39],
}

const plain = (piece: Piece): string => (typeof piece === 'string' ? piece : piece[1])

export const widthOf = (line: Line): number =>
  line.reduce((width, piece) => width + plain(piece).length, 0)

/** A line as a terminal wants it, cut off where the terminal ends: wrapped lines would pile up. */
export function painted(line: Line, columns: number, colours: boolean): string {
  let room = columns
  let text = ''
  const isCut = widthOf(line) > columns
  for (const piece of line) {
    if (room === 0) break
    let words = visible(plain(piece))
    if (isCut && words.length >= room) words = `${words.slice(0, room - 1)}…`
    room -= words.length
    text += colours && typeof piece !== 'string' ? coloured(piece[0], words) : words
  }
  return text
}

const coloured = (style: Style, text: string): string =>
  `\u001b[${codes[style][0]}m${text}\u001b[${codes[style][1]}m`

/** Records come from anywhere: what is not printable must not steer the terminal. */
// oxlint-disable-next-line no-control-regex
const visible = (text: string): string => text.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, '·')

/** `filled` from 0 to 1. */
export function bar(filled: number, width: number): string {
  const full = Math.min(width, Math.floor(filled * width))
  return '█'.repeat(full) + '░'.repeat(width - full)
}

const heights = '▁▂▃▄▅▆▇█'

/** The last `width` values as columns, the largest of them full. */
export function sparkline(values: readonly number[], width: number): string {
  const shown = values.slice(Math.max(0, values.length - width))
  const most = Math.max(1, ...shown)
  return shown
    .map((value) => heights[Math.min(7, Math.round((Math.max(0, value) / most) * 7))])
    .join('')
}
