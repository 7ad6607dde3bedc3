import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** It may be behind by as much, so that most checkpoints write no file. */
const BEHIND_MAX = 1_000

const fileIn = (directory: string): string => join(directory, 'position')

/**
 * How far the stores of a task have come, all their changelog positions together, in a small file
 * beside them: so that it can be told without opening what another thread may have open. A hint,
 * for whoever decides where a task runs; what counts is in LMDB.
 */
export class NotedPosition {
  readonly #directory: string
  #noted: number

  constructor(directory: string) {
    this.#directory = directory
    this.#noted = notedPosition(directory)
  }

  /** Back is written at once: a hint must not promise more than there is. */
  note(position: number): void {
    if (position < this.#noted || position >= this.#noted + BEHIND_MAX) this.write(position)
  }

  write(position: number): void {
    if (position === this.#noted) return
    try {
      writeFileSync(fileIn(this.#directory), String(position))
      this.#noted = position
    } catch {
      // The next one will do; if the disk is full, a checkpoint will say so.
    }
  }
}

/** 0 where nothing is noted. */
export function notedPosition(directory: string): number {
  try {
    const position = Number(readFileSync(fileIn(directory), 'utf8'))
    return Number.isSafeInteger(position) && position > 0 ? position : 0
  } catch {
    return 0
  }
}
