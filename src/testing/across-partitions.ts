type Word = (...args: readonly unknown[]) => unknown

const isIterable = (answer: unknown): answer is IterableIterator<unknown> =>
  typeof answer === 'object' && answer !== null && Symbol.iterator in answer && 'next' in answer

function* chained(parts: readonly IterableIterator<unknown>[]): Generator<unknown, undefined> {
  for (const part of parts) yield* part
}

/**
 * The stores of several partitions as one, of whatever kind they are, as Kafka Streams' interactive
 * queries show them: a key is looked for in each, and rows come partition by partition.
 */
export function acrossPartitions<S extends object>(parts: readonly S[]): S {
  const [first] = parts
  if (first === undefined || parts.length === 1) return first as S
  const words = Object.entries(first).map(([word, value]: [string, unknown]) => {
    if (typeof value !== 'function') return [word, value]
    const ask: Word = (...args) => {
      const answers = parts.map((part) =>
        (part as unknown as Record<string, Word>)[word]?.(...args),
      )
      if (answers.every(isIterable)) return chained(answers)
      if (word === 'approximateCount') return (answers as number[]).reduce((sum, n) => sum + n, 0)
      return answers.find((answer) => answer !== undefined && answer !== null)
    }
    return [word, ask]
  })
  return Object.fromEntries(words) as S
}
