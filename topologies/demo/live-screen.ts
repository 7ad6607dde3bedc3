import { painted, type Line } from './painting.ts'

/** What is needed of `process.stdout` when it is a terminal. */
export interface Terminal {
  /** 0, like `rows`, where it cannot tell. */
  readonly columns: number
  readonly rows: number
  readonly hasColors: () => boolean
  readonly write: (text: string) => unknown
  readonly on: (event: 'resize', listener: () => void) => unknown
  readonly off: (event: 'resize', listener: () => void) => unknown
}

const HIDE_CURSOR = '\u001b[?25l'
const SHOW_CURSOR = '\u001b[?25h'
// Terminals that know it show the lines between the two at once (synchronized output).
const BEGIN = '\u001b[?2026h'
const END = '\u001b[?2026l'
const CLEAR_LINE = '\u001b[K'
const CLEAR_BELOW = '\u001b[J'
const CLEAR_ALL = '\u001b[H\u001b[2J'

/**
 * Lines that are drawn in place, below what is on the terminal already. Each is written over the
 * old one and never cleared first, so nothing flickers. The cursor is hidden until it is disposed
 * of, or the process ends.
 */
export class LiveScreen implements Disposable {
  readonly #terminal: Terminal
  #drawn = 0
  #isResized = false
  #isOpen = true

  constructor(terminal: Terminal) {
    this.#terminal = terminal
    terminal.write(HIDE_CURSOR)
    terminal.on('resize', this.#onResize)
    process.on('exit', this.#close)
  }

  get columns(): number {
    return this.#terminal.columns || 80
  }

  /** Lines that can be drawn: the cursor stands below them. */
  get rows(): number {
    return Math.max(1, (this.#terminal.rows || 24) - 1)
  }

  draw(lines: readonly Line[]): void {
    const shown = lines.slice(0, this.rows)
    const colours = this.#terminal.hasColors()
    // To the first column too: a Ctrl-C is echoed where the cursor stands.
    const up = this.#drawn > 0 ? `\r\u001b[${this.#drawn}A` : ''
    // The terminal has wrapped or cut off what was drawn, each in its own way: begin again.
    const start = this.#isResized ? CLEAR_ALL : up
    const body = shown.map((line) => `${painted(line, this.columns, colours)}${CLEAR_LINE}\n`)
    this.#terminal.write(`${BEGIN}${start}${body.join('')}${CLEAR_BELOW}${END}`)
    this.#drawn = shown.length
    this.#isResized = false
  }

  [Symbol.dispose](): void {
    this.#close()
  }

  readonly #onResize = (): void => {
    this.#isResized = true
  }

  readonly #close = (): void => {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#terminal.off('resize', this.#onResize)
    process.off('exit', this.#close)
    this.#terminal.write(SHOW_CURSOR)
  }
}
