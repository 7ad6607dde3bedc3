import { describe, expect, test } from 'vitest'
import { seededRandom, type Random } from '../core/random.ts'
import { compilePattern } from '../operators/pattern/compile.ts'
import { keyStateSerde } from '../operators/pattern/key-state-serde.ts'
import { Matcher } from '../operators/pattern/matcher.ts'
import { json } from '../serde/json.ts'
import type { Serde } from '../serde/serde.ts'
import {
  anyCount,
  bruteForce,
  randomEvents,
  randomPattern,
  type LetterEvent,
  type PlainPattern,
  type PlainStep,
} from './brute-force.fixtures.ts'
import { pattern, type Pattern, type PatternStart } from './pattern.ts'
import type { NoSteps } from './pattern-types.ts'

type Words = Pattern<LetterEvent, NoSteps, NoSteps>

type Word = (name: string, test: unknown) => Words

/** Says the pattern in words. */
function said({ steps, withinMs }: PlainPattern): Words {
  let words: Words | PatternStart<LetterEvent> = pattern<LetterEvent>('random')
  for (const [index, step] of steps.entries()) {
    const word = index === 0 ? 'begin' : step.waiting
    const begun = words as unknown as Record<string, Word>
    let next: Words = (begun[word] as Word).call(words, step.name, predicateOf(step))
    const { counts } = step
    if (counts === anyCount) next = next.oneOrMore()
    else if (counts !== undefined) next = next.times(counts[0] as number, counts.at(-1) as number)
    if (counts !== undefined && step.inner === 'next') next = next.consecutive()
    if (counts !== undefined && step.inner === 'followedByAny') next = next.allowCombinations()
    if (step.isOptional) next = next.optional()
    const { not } = step
    if (not !== undefined) {
      next = next[not.kind](`${step.name}-not`, ({ letter }) => letter === not.letter)
    }
    words = next
  }
  return (words as Words).within(`${withinMs}ms`)
}

const predicateOf =
  ({ name, letters, sumBelow }: PlainStep) =>
  ({ letter, value }: LetterEvent, soFar: object): boolean => {
    if (!letters.includes(letter)) return false
    if (sumBelow === undefined) return true
    const own = (soFar as Record<string, readonly LetterEvent[]>)[name] ?? []
    return own.reduce((total, event) => total + event.value, value) < sumBelow
  }

/** Runs the pattern, now and then from the bytes of its state, as after a restart. */
function matches(plain: PlainPattern, events: readonly LetterEvent[], random: Random): string[] {
  const automaton = compilePattern(said(plain)['~definition'])
  const matcher = new Matcher(automaton)
  const serde = keyStateSerde(automaton, json<LetterEvent>() as Serde<unknown>)
  const found: string[] = []
  const collect = (): void => {
    for (const last of matcher.outcome.matches) found.push(textOf(matcher.events(last), events))
    matcher.outcome.matches.length = 0
  }
  let state = matcher.nothing
  for (const event of events) {
    state = matcher.advance(state, event.timestampMs)
    state = matcher.process(state, event, event.timestampMs)
    collect()
    if (random() < 0.3) {
      const row = { state, timerMs: Infinity, isCurrent: true }
      state = serde.deserialize(serde.serialize(row)).state
    }
  }
  matcher.advance(state, 1_000)
  collect()
  return found
}

const textOf = (
  match: Readonly<Record<string, unknown>>,
  events: readonly LetterEvent[],
): string => {
  const at = ({ timestampMs }: LetterEvent): number =>
    events.findIndex((event) => event.timestampMs === timestampMs)
  return Object.entries(match)
    .flatMap(([name, taken]) =>
      ([taken].flat() as LetterEvent[]).map((event) => `${name}:${at(event)}`),
    )
    .join(' ')
}

describe('a pattern finds what a matcher finds that tries everything', () => {
  test.for([1, 2, 3, 4, 5, 6, 7, 8])('in random events (seed %i)', (seed) => {
    const random = seededRandom(seed)
    let matchCount = 0
    for (let run = 0; run < 400; run++) {
      const plain = randomPattern(random)
      const events = randomEvents(random)
      const expected = bruteForce(plain, events).toSorted()
      const context = JSON.stringify({
        plain,
        letters: events.map(({ letter }) => letter).join(''),
        events,
      })
      expect(matches(plain, events, random).toSorted(), context).toEqual(expected)
      matchCount += expected.length
    }
    expect(matchCount).toBeGreaterThan(400)
  })
})
