import { describe, expect, test } from 'vitest'
import { LiveScreen, type Terminal } from './live-screen.ts'

/** A terminal that understands what a live screen says to it. */
class SmallTerminal implements Terminal {
  columns: number
  rows: number
  isCursorShown = true
  #lines: string[] = ['$ npm start', '']
  #row = 1
  #column = 0
  #onResize: (() => void) | undefined

  constructor(columns: number, rows: number) {
    this.columns = columns
    this.rows = rows
  }

  hasColors(): boolean {
    return false
  }

  on(_event: 'resize', listener: () => void): void {
    this.#onResize = listener
  }

  off(): void {
    this.#onResize = undefined
  }

  get isWatched(): boolean {
    return this.#onResize !== undefined
  }

  resize(columns: number, rows: number): void {
    this.columns = columns
    this.rows = rows
    this.#onResize?.()
  }

  write(text: string): void {
    // oxlint-disable-next-line no-control-regex
    for (const [word] of text.matchAll(/\u001b\[[?\d]*[A-Za-z]|\r|\n|[^\u001b\r\n]+/g)) {
      this.#obey(word)
    }
  }

  /** What a person sees, and could scroll back to. */
  get text(): string {
    return this.#lines.join('\n')
  }

  #obey(word: string): void {
    const [up] = word.startsWith('\u001b') ? (/\d+(?=A)/.exec(word) ?? []) : []
    if (up !== undefined) this.#row = Math.max(0, this.#row - Number(up))
    else if (word === '\r') this.#column = 0
    else if (word === '\n') {
      this.#row += 1
      this.#column = 0
      this.#lines[this.#row] ??= ''
    } else if (word === '\u001b[K') {
      this.#lines[this.#row] = this.#line.slice(0, this.#column)
    } else if (word === '\u001b[J') {
      this.#lines.length = this.#row + 1
      this.#lines[this.#row] = this.#line.slice(0, this.#column)
    } else if (word === '\u001b[H') [this.#row, this.#column] = [0, 0]
    else if (word === '\u001b[2J') this.#lines = ['']
    else if (word === '\u001b[?25l') this.isCursorShown = false
    else if (word === '\u001b[?25h') this.isCursorShown = true
    else if (!word.startsWith('\u001b[?2026')) this.#type(word)
  }

  get #line(): string {
    return this.#lines[this.#row] ?? ''
  }

  #type(text: string): void {
    const end = this.#column + text.length
    this.#lines[this.#row] = this.#line.slice(0, this.#column) + text + this.#line.slice(end)
    this.#column = end
  }
}

describe('a live screen', () => {
  test('is drawn in place, below what was there', () => {
    const terminal = new SmallTerminal(80, 24)
    using screen = new LiveScreen(terminal)
    screen.draw([['in 1,000'], ['out 900'], ['lag 100']])
    expect(terminal.text).toBe('$ npm start\nin 1,000\nout 900\nlag 100\n')
    screen.draw([['in 7'], ['out 7']])
    expect(terminal.text).toBe('$ npm start\nin 7\nout 7\n')
  })

  test('is not shifted by the echo of a Ctrl-C', () => {
    const terminal = new SmallTerminal(80, 24)
    using screen = new LiveScreen(terminal)
    screen.draw([['in 1'], ['out 1']])
    terminal.write('^C')
    screen.draw([['in 2'], ['out 2']])
    expect(terminal.text).toBe('$ npm start\nin 2\nout 2\n')
  })

  test('begins again when the terminal got another size, and stays within it', () => {
    const terminal = new SmallTerminal(80, 24)
    using screen = new LiveScreen(terminal)
    screen.draw([['in 1,000'], ['out 900'], ['lag 100']])
    terminal.resize(6, 3)
    screen.draw([['in 1,000'], ['out 900'], ['lag 100']])
    expect(terminal.text).toBe('in 1,…\nout 9…\n')
  })

  test('takes 80 columns and 24 rows where the terminal cannot tell', () => {
    using screen = new LiveScreen(new SmallTerminal(0, 0))
    expect([screen.columns, screen.rows]).toEqual([80, 23])
  })

  test('hides the cursor and gives it back', () => {
    const terminal = new SmallTerminal(80, 24)
    const screen = new LiveScreen(terminal)
    expect(terminal.isCursorShown).toBe(false)
    screen[Symbol.dispose]()
    expect([terminal.isCursorShown, terminal.isWatched]).toEqual([true, false])
  })
})
