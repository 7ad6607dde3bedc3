/** Random patterns and events, and a matcher that tries everything. */
import type { Random } from '../core/random.ts'

export interface LetterEvent {
  readonly letter: string
  readonly value: number
  readonly timestampMs: number
}

export type Waiting = 'next' | 'followedBy' | 'followedByAny'

export interface Unwanted {
  readonly kind: 'notNext' | 'notFollowedBy'
  readonly letter: string
}

/** A step that takes events, and what must not come after it. */
export interface PlainStep {
  readonly name: string
  readonly waiting: Waiting
  readonly letters: string
  /** What the values of the step come to, the next one included, must be less than that. */
  readonly sumBelow: number | undefined
  /** How often it happens; undefined: once. */
  readonly counts: readonly number[] | undefined
  readonly inner: Waiting
  readonly isOptional: boolean
  readonly not: Unwanted | undefined
}

export interface PlainPattern {
  readonly steps: readonly PlainStep[]
  readonly withinMs: number
}

const EVENTS_MAX = 9
const LETTERS = ['a', 'b', 'c', 'd'] as const
const waitings: readonly Waiting[] = ['next', 'followedBy', 'followedByAny']
export const anyCount = Array.from({ length: EVENTS_MAX }, (_, index) => index + 1)
const someCounts = [undefined, undefined, undefined, [1], [2], [1, 2], [2, 3], anyCount] as const

const pick = <T>(random: Random, from: readonly T[]): T =>
  from[Math.floor(random() * from.length)] as T

export function randomEvents(random: Random): readonly LetterEvent[] {
  let timestampMs = 0
  return Array.from({ length: 3 + Math.floor(random() * (EVENTS_MAX - 2)) }, () => {
    timestampMs += 1 + Math.floor(random() * 3)
    return { letter: pick(random, LETTERS), value: 1 + Math.floor(random() * 4), timestampMs }
  })
}

export function randomPattern(random: Random): PlainPattern {
  const length = 1 + Math.floor(random() * 3)
  const steps = Array.from({ length }, (_, index): PlainStep => {
    const counts = pick(random, someCounts)
    return {
      name: `s${index}`,
      waiting: pick(random, waitings),
      letters: pick(random, ['a', 'b', 'c', 'ab', 'bc', 'abcd']),
      sumBelow: random() < 0.2 ? 2 + Math.floor(random() * 8) : undefined,
      counts,
      inner: counts === undefined ? 'followedBy' : pick(random, waitings),
      isOptional: random() < 0.2,
      not: undefined,
    }
  })
  const withNots = steps.map((step, index) => ({ ...step, not: randomNot(random, steps, index) }))
  return { steps: withNots, withinMs: 4 + Math.floor(random() * 14) }
}

/** No event may be wanted and unwanted at once: which of the two counts is told in other tests. */
function randomNot(
  random: Random,
  steps: readonly PlainStep[],
  index: number,
): Unwanted | undefined {
  const step = steps[index] as PlainStep
  if (step.isOptional || random() < 0.7) return undefined
  const following = steps.slice(index + 1)
  const needed = following.findIndex(({ isOptional }) => !isOptional)
  const near = needed < 0 ? following : following.slice(0, needed + 1)
  // What ends a pattern is tried after a single event only, and before nothing that may be missing.
  const isSingle = step.counts === undefined
  if (near.length > 0 ? needed < 0 : !isSingle) return undefined
  const wanted = [step, ...near].map(({ letters }) => letters).join('')
  const letter = pick(random, LETTERS)
  if (wanted.includes(letter)) return undefined
  return { kind: isSingle && random() < 0.4 ? 'notNext' : 'notFollowedBy', letter }
}

interface Slot {
  readonly step: PlainStep
  readonly waiting: Waiting
  /** Between the event before and that of the slot. */
  readonly nots: readonly Unwanted[]
}

/** Every way to have the steps happen, but for the one in which none does. */
function slotLists(steps: readonly PlainStep[], eventsMax: number): readonly (readonly Slot[])[] {
  let lists: readonly (readonly Slot[])[] = [[]]
  for (const [index, step] of steps.entries()) {
    const before = steps.slice(0, index).findLast(({ isOptional }) => !isOptional)?.not
    const counts = [...(step.isOptional ? [0] : []), ...(step.counts ?? [1])]
    lists = lists.flatMap((list) =>
      counts
        .filter((count) => list.length + count <= eventsMax)
        .map((count) => [
          ...list,
          ...slotsOf(step, count, isNear(list, step, steps) ? before : undefined),
        ]),
    )
  }
  return lists.filter((list) => list.length > 0)
}

/** Nothing was taken since the last step that had to happen. */
function isNear(list: readonly Slot[], step: PlainStep, steps: readonly PlainStep[]): boolean {
  const last = list.at(-1)?.step
  if (last === undefined) return false
  const between = steps.slice(steps.indexOf(last) + 1, steps.indexOf(step))
  return !last.isOptional && between.every(({ isOptional }) => isOptional)
}

const slotsOf = (step: PlainStep, count: number, before: Unwanted | undefined): readonly Slot[] =>
  Array.from({ length: count }, (_, round): Slot => {
    const not = round === 0 ? before : step.not
    return { step, waiting: round === 0 ? step.waiting : step.inner, nots: not ? [not] : [] }
  })

/** Of an event, the step that took it. */
type Path = readonly (readonly [step: PlainStep, at: number])[]

export function bruteForce(
  { steps, withinMs }: PlainPattern,
  events: readonly LetterEvent[],
): readonly string[] {
  const found: string[] = []
  const fits = ({ step }: Slot, at: number, path: Path): boolean => {
    const { letter, value } = events[at] as LetterEvent
    const own = path.filter(([other]) => other === step)
    const sum = own.reduce((total, [, index]) => total + (events[index]?.value ?? 0), value)
    return step.letters.includes(letter) && (step.sumBelow === undefined || sum < step.sumBelow)
  }
  const isInTime = (path: Path, at: number): boolean => {
    const first = path[0]?.[1] ?? at
    return (events[at]?.timestampMs ?? 0) - (events[first]?.timestampMs ?? 0) < withinMs
  }
  const mayFollow = (slot: Slot, path: Path, at: number): boolean => {
    const last = path.at(-1)?.[1]
    if (last === undefined) return true
    const between = anyCount.map((step) => last + step).filter((index) => index < at)
    if (slot.waiting === 'next' && between.length > 0) return false
    if (slot.waiting === 'followedBy' && between.some((index) => fits(slot, index, path))) {
      return false
    }
    return slot.nots.every(({ kind, letter }) =>
      kind === 'notNext'
        ? events[last + 1]?.letter !== letter
        : between.every((index) => events[index]?.letter !== letter),
    )
  }
  const mayEnd = (path: Path): boolean => {
    const not = steps.at(-1)?.not
    const last = path.at(-1)?.[1] ?? 0
    if (not === undefined) return true
    const after = events.slice(last + 1).filter((_, index) => isInTime(path, last + 1 + index))
    if (not.kind === 'notFollowedBy') return after.every(({ letter }) => letter !== not.letter)
    return after[0] !== undefined && after[0].letter !== not.letter
  }
  const extend = (slots: readonly Slot[], path: Path): void => {
    const slot = slots[path.length]
    if (slot === undefined) {
      if (mayEnd(path)) found.push(path.map(([{ name }, at]) => `${name}:${at}`).join(' '))
      return
    }
    for (let at = (path.at(-1)?.[1] ?? -1) + 1; at < events.length; at++) {
      if (isInTime(path, at) && fits(slot, at, path) && mayFollow(slot, path, at)) {
        extend(slots, [...path, [slot.step, at]])
      }
    }
  }
  for (const slots of slotLists(steps, events.length)) extend(slots, [])
  return found
}
