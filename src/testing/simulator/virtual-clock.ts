import type { Clock } from '../../core/clock.ts'

/** What a turn of the event loop takes: work without a wait is quick, but not free. */
const TURN_MS = 0.02
/** Steps without an end: a loop that spins, and that no longer wait will end. */
const STEPS_MAX = 3_000_000
/** Between two of them the real event loop has its turn: rejections nobody handled are told. */
const STEPS_PER_REAL_TURN = 5_000

interface Sleeper {
  readonly atMs: number
  /** Of two with the same time, the one that fell asleep first wakes first. */
  readonly order: number
  /** Undefined once it was woken. */
  wake: (() => void) | undefined
}

/** The event loop's own, which the simulation takes the place of. */
const laterForReal = setImmediate

/**
 * Time that passes as fast as there is work to do: whenever nobody has anything left to do, it
 * moves on to whoever wakes next. Fractions of a millisecond count, but nobody sees them.
 *
 * While it runs, `setImmediate` is its own, so that a turn of the event loop takes its time too and
 * the order of everything that happens is decided here.
 */
export class VirtualClock implements Clock {
  /** A heap: each before the two at twice its place. */
  readonly #sleepers: Sleeper[] = []
  #nowMs: number
  #order = 0
  #steps = 0

  constructor(startMs: number) {
    this.#nowMs = startMs
  }

  readonly nowMs = (): number => Math.floor(this.#nowMs)

  /** With fractions. */
  get exactMs(): number {
    return this.#nowMs
  }

  /** How often somebody was woken. */
  get steps(): number {
    return this.#steps
  }

  readonly sleep = (ms: number, signal?: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      if (signal?.aborted === true) {
        resolve()
        return
      }
      const sleeper = this.#wakeAfter(ms, () => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      })
      const onAbort = (): void => {
        sleeper.wake = undefined
        resolve()
      }
      signal?.addEventListener('abort', onAbort, { once: true })
    })

  /** Does it once so much time has passed. */
  after(ms: number, callback: () => void): void {
    this.#wakeAfter(ms, callback)
  }

  #wakeAfter(ms: number, wake: () => void): Sleeper {
    this.#order += 1
    const sleeper = { atMs: this.#nowMs + Math.max(0, ms), order: this.#order, wake }
    push(this.#sleepers, sleeper)
    return sleeper
  }

  /** Moves time on until the work is done; rejects when it never will be. */
  run<T>(work: () => Promise<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    globalThis.setImmediate = ((callback: () => void) =>
      this.after(TURN_MS, callback)) as unknown as typeof setImmediate
    let isDone = false
    const step = (): void => {
      if (isDone) return
      try {
        this.#wakeNext()
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)))
        return
      }
      if (this.#steps % STEPS_PER_REAL_TURN === 0) laterForReal(step)
      else settled(step)
    }
    work()
      .then(resolve, reject)
      .finally(() => (isDone = true))
    settled(step)
    return promise.finally(() => {
      globalThis.setImmediate = laterForReal
    })
  }

  #wakeNext(): void {
    this.#steps += 1
    if (this.#steps > STEPS_MAX) throw new Error(`${STEPS_MAX} steps and no end: somebody spins`)
    for (;;) {
      const next = pop(this.#sleepers)
      if (next === undefined) throw new Error('everybody waits for somebody else, for ever')
      if (next.wake === undefined) continue
      this.#nowMs = Math.max(this.#nowMs, next.atMs)
      next.wake()
      next.wake = undefined
      return
    }
  }
}

/** Calls back when every promise that can go on has gone on. */
function settled(then: () => void): void {
  // Ticks come after all microtasks, and this one is queued by a microtask.
  queueMicrotask(() => process.nextTick(then))
}

const isBefore = (one: Sleeper, other: Sleeper): boolean =>
  one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order)

function push(heap: Sleeper[], sleeper: Sleeper): void {
  let at = heap.push(sleeper) - 1
  while (at > 0) {
    const above = (at - 1) >> 1
    if (!isBefore(sleeper, heap[above]!)) break
    heap[at] = heap[above]!
    at = above
  }
  heap[at] = sleeper
}

function pop(heap: Sleeper[]): Sleeper | undefined {
  const first = heap[0]
  const last = heap.pop()
  if (first === undefined || last === undefined || heap.length === 0) return first
  let at = 0
  for (;;) {
    let below = 2 * at + 1
    if (below >= heap.length) break
    if (below + 1 < heap.length && isBefore(heap[below + 1]!, heap[below]!)) below += 1
    if (!isBefore(heap[below]!, last)) break
    heap[at] = heap[below]!
    at = below
  }
  heap[at] = last
  return first
}
