import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { createContext, Script } from 'node:vm'
import type { StoredDeadLetter } from '../admin/dead-letters.ts'
import { messageOf, StreamsError } from '../core/errors.ts'

/** A dead letter as `--where` is shown it: decoded, as `dlq show` prints it. */
export interface ShownDeadLetter extends Omit<StoredDeadLetter, 'key' | 'value' | 'headers'> {
  readonly key: unknown
  readonly value: unknown
  /** The last one of each name, as text. */
  readonly headers: Readonly<Record<string, unknown>>
}

export type Where = (letter: ShownDeadLetter) => boolean

/**
 * What `--where` asks of a letter: an expression over `value`, `key`, `headers` and `letter`, or
 * the path of a module whose default export is a function of the letter. Rejects with
 * `INVALID_CONFIG` for what is neither. What it answers must be true or false, and what it throws
 * stops the work: a slip must not choose letters.
 */
export async function whereFrom(text: string): Promise<Where> {
  const isModule = /\.[cm]?[jt]s$/.test(text) && existsSync(text)
  const ask = isModule ? await functionIn(text) : expression(text)
  return (letter) => {
    let answer: unknown
    try {
      answer = ask(letter)
    } catch (error) {
      throw bad(letter, `throws ${messageOf(error)}`, error)
    }
    if (typeof answer === 'boolean') return answer
    throw bad(letter, `is ${JSON.stringify(answer)} and not true or false`)
  }
}

/** In a world of its own: what the expression can name is what it is given. */
function expression(text: string): (letter: ShownDeadLetter) => unknown {
  const code = `'use strict'; (value, key, headers, letter) => (${text}\n)`
  try {
    const ask = new Script(code, { filename: '--where' }).runInContext(createContext({})) as (
      ...args: unknown[]
    ) => unknown
    return (letter) => ask(letter.value, letter.key, letter.headers, letter)
  } catch (cause) {
    throw new StreamsError('INVALID_CONFIG', {
      message: `--where is neither an expression nor a module: ${messageOf(cause)}`,
      hint: 'Write JavaScript over value, key, headers and letter: --where "value.cents < 0".',
      cause,
    })
  }
}

async function functionIn(path: string): Promise<(letter: ShownDeadLetter) => unknown> {
  const module = (await import(pathToFileURL(resolve(path)).href)) as { readonly default?: unknown }
  if (typeof module.default === 'function') {
    return module.default as (letter: ShownDeadLetter) => unknown
  }
  throw new StreamsError('INVALID_CONFIG', {
    message: `${path} has no function as its default export`,
    hint: 'Write `export default (letter) => …`: true for the letters that are meant.',
  })
}

const bad = ({ at }: ShownDeadLetter, what: string, cause?: unknown): StreamsError =>
  new StreamsError('INVALID_CONFIG', {
    message: `--where ${what}, of the letter at partition ${at.partition} offset ${at.offset}`,
    hint: 'Mend the expression. A value that cannot be decoded is text: ask `typeof value` first.',
    cause,
  })
