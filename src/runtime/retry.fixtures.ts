/** A topology whose steps fail and try again, with its input and what it must come to. */
import { expect } from 'vitest'
import { deadLetters, fixed, json, string, topic, topology, type Processor } from 'millrace'
import { deadLetterOf } from '../core/dead-letter.ts'
import { partitionForKey } from '../kafka/wire/murmur2.ts'
import { PARTITIONS, type Scenario, type ScenarioSize } from './scenarios.fixtures.ts'
import {
  bytesOf,
  START_MS,
  textOf,
  type InputRecord,
  type Simulation,
} from './simulation.fixtures.ts'

export const calls = topic('calls', { key: string, value: json<number>() })
export const answers = topic('answers', { key: string, value: json<number>() })

/** Every third record is in vain until a time of its own has come. */
const lineIsBusy = (value: number, nowMs: number): boolean =>
  value % 3 === 0 && nowMs < START_MS + 300 + value * 15

const call: Processor<string, number, string, number> = {
  process: (record, { forward, wallClockMs }) => {
    // Sent by no attempt that fails.
    forward(record)
    if (lineIsBusy(record.value, wallClockMs)) throw new Error('the line is busy')
  },
}

/** Every fifth record is in vain for ever. */
export const isHopeless = (value: number): boolean => value % 5 === 4

const calling = topology('calling', { deadLetters: deadLetters('unanswered') }, (builder) => {
  builder
    .stream(calls)
    .process(call, { name: 'call', retry: { attempts: 1_000, backoff: fixed('20ms') } })
    .mapValues(
      (value) => {
        if (isHopeless(value)) throw new Error('nobody answers')
        return value
      },
      { name: 'ask', retry: { attempts: 3, backoff: fixed('10ms'), key: string } },
    )
    .to(answers)
})

interface Outcome {
  /** By key, in order. */
  readonly answers: Readonly<Record<string, readonly number[]>>
  /** `key value attempts step`, by key in order. */
  readonly unanswered: Readonly<Record<string, readonly string[]>>
}

const keys = ['ada', 'bob', 'cleo', 'dan']
const keyOf = (value: number): string => keys[value % keys.length] ?? ''

function expectedOf(items: number): Outcome {
  const values = Array.from({ length: items }, (_, value) => value)
  const good = values.filter((value) => !isHopeless(value))
  const bad = values.filter(isHopeless)
  return {
    answers: Object.groupBy(good, keyOf) as Outcome['answers'],
    unanswered: Object.fromEntries(
      Object.entries(Object.groupBy(bad, keyOf)).map(([key, list]) => [
        key,
        (list ?? []).map((value) => `${value} 3 ask`),
      ]),
    ),
  }
}

function seenIn(simulation: Simulation): Outcome {
  const seen: Record<'answers' | 'unanswered', Record<string, unknown[]>> = {
    answers: {},
    unanswered: {},
  }
  const add = (where: keyof Outcome, key: Uint8Array | null, what: unknown): void => {
    const lists = seen[where]
    lists[textOf(key) ?? ''] = [...(lists[textOf(key) ?? ''] ?? []), what]
  }
  for (const { key, value } of simulation.committed('answers').flat()) {
    add('answers', key, Number(textOf(value)))
  }
  for (const record of simulation.committed('unanswered').flat()) {
    const { key, value, attempts, node, topic: from } = deadLetterOf(record)
    expect(from).toBe('calls')
    add('unanswered', key, `${textOf(value)} ${attempts} ${node}`)
  }
  return seen as unknown as Outcome
}

/** `built` must do with calls what `calling` does. */
export function retryScenario({ items, waves }: ScenarioSize, built = calling): Scenario {
  const input: readonly InputRecord[] = Array.from({ length: items }, (_, value) => ({
    topic: 'calls',
    key: keyOf(value),
    value: String(value),
    timestampMs: START_MS - 1_000_000 + value,
  }))
  const size = Math.ceil(items / waves)
  const expected = expectedOf(items)
  const count = (outcome: Outcome): number =>
    [outcome.answers, outcome.unanswered].flatMap((lists) => Object.values(lists).flat()).length
  const isComplete = (simulation: Simulation): boolean => {
    const seen = seenIn(simulation)
    const has = (where: keyof Outcome): boolean =>
      Object.entries(expected[where]).every(([key, list]) =>
        list.every((each: unknown) =>
          (seen[where][key] as readonly unknown[] | undefined)?.includes(each),
        ),
      )
    return has('answers') && has('unanswered')
  }
  expect(new Set(keys.map((key) => partitionForKey(bytesOf(key), PARTITIONS))).size).toBe(2)
  return {
    topology: built,
    topics: ['calls', 'answers', 'unanswered'],
    waves: Array.from({ length: waves }, (_, wave) => input.slice(wave * size, (wave + 1) * size)),
    inputs: ['calls'],
    isSettled: isComplete,
    expectExact: (simulation) => {
      const seen = seenIn(simulation)
      expect(seen).toEqual(expected)
      expect(count(seen)).toBe(items)
    },
    expectNothingLost: (simulation) => expect(isComplete(simulation)).toBe(true),
  }
}
