const SAMPLE_MAX = 1_000

/**
 * How much a layer changes the count of what is below it: exact up to a thousand entries; of more,
 * the first thousand stand for all. A look-up below for each would take long.
 */
export function estimateChange<E>(
  entries: Iterable<E>,
  size: number,
  changeOf: (entry: E) => number,
): number {
  let sampled = 0
  let change = 0
  for (const entry of entries) {
    if (sampled === SAMPLE_MAX) break
    sampled++
    change += changeOf(entry)
  }
  return sampled === 0 ? 0 : Math.round((change * size) / sampled)
}
