import { StreamsError } from '../core/errors.ts'
import { failureTimeMs, type StoredDeadLetter } from './dead-letters.ts'

/** A bound on what is kept in memory, and more than anyone can read. */
const ROWS_MAX = 100_000

/** How many letters of one kind failed in one stretch of time. */
export interface DeadLetterCount {
  /** When the stretch begins: a multiple of its length. */
  readonly fromMs: number
  /** Where the records came from. */
  readonly topic: string
  readonly node: string
  readonly code: string
  readonly exception: string
  readonly count: number
}

/**
 * Counts letters over time, oldest first and then the most frequent. Rejects with `INVALID_CONFIG`
 * where the stretches are so short that there are too many of them.
 */
export async function deadLettersOverTime(
  letters: AsyncIterable<StoredDeadLetter>,
  stretchMs: number,
): Promise<readonly DeadLetterCount[]> {
  const rows = new Map<string, { -readonly [K in keyof DeadLetterCount]: DeadLetterCount[K] }>()
  for await (const letter of letters) {
    const { topic, node, code, exception } = letter
    const fromMs = Math.floor(failureTimeMs(letter) / stretchMs) * stretchMs
    const key = JSON.stringify([fromMs, topic, node, code, exception])
    const row = rows.get(key)
    if (row === undefined) rows.set(key, { fromMs, topic, node, code, exception, count: 1 })
    else row.count += 1
    if (rows.size > ROWS_MAX) throw tooMany(stretchMs)
  }
  return [...rows.values()].sort((a, b) => a.fromMs - b.fromMs || b.count - a.count)
}

const tooMany = (stretchMs: number): StreamsError =>
  new StreamsError('INVALID_CONFIG', {
    message: `there are more than ${ROWS_MAX} counts of dead letters in stretches of ${stretchMs} ms`,
    hint: 'Choose longer stretches, or filter the letters.',
  })
