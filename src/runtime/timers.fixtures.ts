/** A topology of durable timers with its input and what it must come to. */
import { expect } from 'vitest'
import { json, string, topic, topology, type FixedKeyProcessor } from 'millrace'
import { partitionForKey } from '../kafka/wire/murmur2.ts'
import { PARTITIONS, type Scenario, type ScenarioSize } from './scenarios.fixtures.ts'
import {
  bytesOf,
  START_MS,
  textOf,
  type InputRecord,
  type Simulation,
} from './simulation.fixtures.ts'

const visits = topic('visits', { key: string, value: json<number>() })
const reminders = topic('reminders', { key: string, value: string })

const EVENT_MS = 25
const WALL_MS = 30

/** Each record sets a timer of each kind; every fourth cancels the event-time timer before it. */
const remind: FixedKeyProcessor<string, number, string> = {
  process: ({ value, timestampMs }, { timers, wallClockMs }) => {
    if (value % 4 === 3) timers.cancel(`event ${value - 1}`)
    timers.set(`event ${value}`, timestampMs + EVENT_MS, 'event-time')
    timers.set(`wall ${value}`, wallClockMs + WALL_MS, 'wall-clock')
  },
  onTimer: ({ name }, { forward }) => forward({ value: name }),
}

const reminding = topology('reminding', (builder) => {
  builder
    .stream(visits)
    .processValues(remind, { name: 'remind', timers: 'reminders' })
    .to(reminders)
})

/** Ten milliseconds from one record to the next, and a last one for each partition after all. */
function records(items: number): readonly InputRecord[] {
  const keys = ['ada', 'bob', 'cleo', 'dan']
  return Array.from({ length: items }, (_, index) => ({
    topic: 'visits',
    key: keys[index % keys.length] ?? '',
    value: String(index),
    timestampMs: START_MS - 1_000_000 + index * 10,
  }))
}

interface Fired {
  /** In the order in which they must fire, as stream time goes by. */
  readonly event: readonly string[]
  /** Sorted: when they were set differs from run to run. */
  readonly wall: readonly string[]
}

/** A partition's records, one after the other. */
function expectedOf(partition: readonly InputRecord[]): Fired {
  let pending: { readonly atMs: number; readonly key: string; readonly name: string }[] = []
  const event: string[] = []
  for (const { key, value, timestampMs } of partition) {
    const number = Number(value)
    const cancelled = number % 4 === 3 ? `event ${number - 1}` : ''
    pending = pending.filter((each) => each.key !== key || each.name !== cancelled)
    pending.push({ atMs: timestampMs + EVENT_MS, key: key ?? '', name: `event ${value}` })
    const due = pending.filter(({ atMs }) => atMs <= timestampMs)
    pending = pending.filter(({ atMs }) => atMs > timestampMs)
    due.sort((a, b) => a.atMs - b.atMs || (a.key < b.key ? -1 : 1))
    event.push(...due.map((each) => `${each.key}: ${each.name}`))
  }
  const wall = partition.map(({ key, value }) => `${key}: wall ${value}`).sort()
  return { event, wall }
}

function seenIn(simulation: Simulation): readonly Fired[] {
  return simulation.committed('reminders').map((partition) => {
    const lines = partition.map(({ key, value }) => `${textOf(key)}: ${textOf(value)}`)
    return {
      event: lines.filter((line) => line.includes(': event')),
      wall: lines.filter((line) => line.includes(': wall')).sort(),
    }
  })
}

export function timersScenario({ items, waves }: ScenarioSize): Scenario {
  const input = records(items)
  const size = Math.ceil(items / waves)
  const expected = Array.from({ length: PARTITIONS }, (_, partition) =>
    expectedOf(
      input.filter(({ key }) => partitionForKey(bytesOf(key ?? ''), PARTITIONS) === partition),
    ),
  )
  const lines = (fired: readonly Fired[]): readonly string[] =>
    fired.flatMap(({ event, wall }) => [...event, ...wall])
  const isComplete = (simulation: Simulation): boolean => {
    const seen = new Set(lines(seenIn(simulation)))
    return lines(expected).every((line) => seen.has(line))
  }
  return {
    topology: reminding,
    topics: ['visits', 'reminders'],
    waves: Array.from({ length: waves }, (_, wave) => input.slice(wave * size, (wave + 1) * size)),
    inputs: ['visits'],
    isSettled: isComplete,
    expectExact: (simulation) => expect(seenIn(simulation)).toEqual(expected),
    expectNothingLost: (simulation) => expect(isComplete(simulation)).toBe(true),
  }
}
