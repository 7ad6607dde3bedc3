/** The word that was probably meant, if one is at most two slips away. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const slips = known.map((each) => ({ each, distance: distance(word, each) }))
  const best = slips.reduce<{ each?: string; distance: number }>(
    (least, next) => (next.distance < least.distance ? next : least),
    { distance: 3 },
  )
  return best.each
}

/** Levenshtein's: letters to insert, to leave out or to exchange. */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index)
  for (const [i, letter] of Array.from(from).entries()) {
    const next = [i + 1]
    for (let j = 0; j < to.length; j += 1) {
      const exchanged = (row[j] as number) + (letter === to[j] ? 0 : 1)
      next.push(Math.min(exchanged, (row[j + 1] as number) + 1, (next[j] as number) + 1))
    }
    row = next
  }
  return row.at(-1) as number
}
