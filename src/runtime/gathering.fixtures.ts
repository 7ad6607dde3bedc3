/** A topology in which records are held back and gathered, with its input and what it comes to. */
import { expect } from 'vitest'
import { gathering } from '../testing/simulator/scenarios/gathered.ts'
import type { Scenario, ScenarioSize } from './scenarios.fixtures.ts'
import { START_MS, textOf, type InputRecord, type Simulation } from './simulation.fixtures.ts'

type Values = Readonly<Record<string, readonly number[]>>

/** Of each key, the values of its batches one after the other. */
function seenIn(simulation: Simulation): { readonly even: Values; readonly odd: Values } {
  const flat = (name: string): Values => {
    const seen: Record<string, number[]> = {}
    for (const { key, value } of simulation.committed(name).flat()) {
      const values = JSON.parse(textOf(value) ?? '') as number[]
      seen[textOf(key) ?? ''] = [...(seen[textOf(key) ?? ''] ?? []), ...values]
    }
    return seen
  }
  return { even: flat('batches'), odd: flat('rest') }
}

export function gatheringScenario({ items: count, waves }: ScenarioSize): Scenario {
  const keys = ['ada', 'bob', 'cleo']
  const values = Array.from({ length: count }, (_, value) => value)
  const keyOf = (value: number): string => keys[Math.floor(value / 2) % keys.length] ?? ''
  const input: readonly InputRecord[] = values.map((value) => ({
    topic: 'items',
    key: keyOf(value),
    value: String(value),
    timestampMs: START_MS - 1_000_000 + value,
  }))
  const expected = {
    even: Object.groupBy(
      values.filter((value) => value % 2 === 0),
      keyOf,
    ) as Values,
    odd: Object.groupBy(
      values.filter((value) => value % 2 === 1),
      keyOf,
    ) as Values,
  }
  const isComplete = (simulation: Simulation): boolean => {
    const seen = seenIn(simulation)
    const all = new Set([seen.even, seen.odd].flatMap((each) => Object.values(each).flat()))
    return values.every((value) => all.has(value))
  }
  const size = Math.ceil(count / waves)
  return {
    topology: gathering,
    topics: ['items', 'batches', 'rest'],
    waves: Array.from({ length: waves }, (_, wave) => input.slice(wave * size, (wave + 1) * size)),
    inputs: ['items'],
    isSettled: isComplete,
    expectExact: (simulation) => expect(seenIn(simulation)).toEqual(expected),
    expectNothingLost: (simulation) => expect(isComplete(simulation)).toBe(true),
  }
}
