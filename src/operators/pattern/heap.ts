import { orderOf, type PartialMatch } from './partial-match.ts'

/**
 * Partial matches in a binary heap by what they began with. Which of several with the same first
 * event survives a skip strategy depends on their places in it: the algorithms are those of Java's
 * PriorityQueue, so that it is the one that survives in Flink.
 */
export function push(heap: PartialMatch[], added: PartialMatch): void {
  const order = orderOf(added)
  let place = heap.length
  while (place > 0) {
    const parent = (place - 1) >>> 1
    const above = heap[parent] as PartialMatch
    if (order >= orderOf(above)) break
    heap[place] = above
    place = parent
  }
  heap[place] = added
}

/** Takes out what is first. */
export function shift(heap: PartialMatch[]): PartialMatch | undefined {
  const first = heap[0]
  const last = heap.pop()
  if (heap.length > 0 && last !== undefined) sink(heap, 0, last)
  return first
}

/** Takes out all that the predicate is true for; the places of the rest are made anew. */
export function remove(heap: PartialMatch[], isGone: (partial: PartialMatch) => boolean): void {
  const kept = heap.filter((each) => !isGone(each))
  if (kept.length === heap.length) return
  heap.length = 0
  heap.push(...kept)
  for (let place = (heap.length >>> 1) - 1; place >= 0; place--) {
    sink(heap, place, heap[place] as PartialMatch)
  }
}

function sink(heap: PartialMatch[], from: number, sunk: PartialMatch): void {
  const order = orderOf(sunk)
  const half = heap.length >>> 1
  let place = from
  while (place < half) {
    let child = 2 * place + 1
    let below = heap[child] as PartialMatch
    const right = heap[child + 1]
    if (right !== undefined && orderOf(below) > orderOf(right)) {
      below = right
      child += 1
    }
    if (order <= orderOf(below)) break
    heap[place] = below
    place = child
  }
  heap[place] = sunk
}
