/** Of Helvetica, in thousandths of the font size, from the space to the tilde. */
const widths = [
  278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556,
  556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667,
  611, 778, 722, 278, 500, 667, 556, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667,
  667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500,
  222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
]
const FIRST = 32
/** Other fonts that a reader may have are a little wider. */
const MARGIN = 1.14
const BOLD = 1.07

/** How wide a text is, in pixels, nearly: who writes a picture does not know the reader's fonts. */
export function textWidth(text: string, fontSize: number, isBold = false): number {
  let width = 0
  for (const char of text) {
    const code = char.codePointAt(0) ?? 0
    width += widths[code - FIRST] ?? (code > 0x2e80 ? 1000 : 600)
  }
  return Math.ceil((width * fontSize * MARGIN * (isBold ? BOLD : 1)) / 1000)
}

/** The text, or its two ends where it is longer than a picture has room for. */
export function shortened(text: string, lengthMax: number): string {
  if (text.length <= lengthMax) return text
  const tail = Math.floor((lengthMax - 1) / 2)
  return `${text.slice(0, lengthMax - 1 - tail)}…${text.slice(-tail)}`
}
