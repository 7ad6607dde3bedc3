/** A topology that detects patterns, with its input and what it must come to. */
import { expect } from 'vitest'
import { json, pattern, string, topic, topology } from 'millrace'
import { TopologyTestDriver } from 'millrace/testing'
import { seededRandom } from '../core/random.ts'
import { partitionForKey } from '../kafka/wire/murmur2.ts'
import { PARTITIONS, type Scenario, type ScenarioSize } from './scenarios.fixtures.ts'
import {
  bytesOf,
  START_MS,
  textOf,
  type InputRecord,
  type Simulation,
} from './simulation.fixtures.ts'

type Kind = 'card' | 'try' | 'pay'

const attempts = topic('attempts', { key: string, value: string })
const outputs = ['matched', 'expired', 'missed', 'paid'] as const
const [matched, expired, missed, paid] = outputs.map((name) =>
  topic(name, { key: string, value: json<unknown>() }),
) as [Output, Output, Output, Output]
type Output = ReturnType<typeof topic<string, unknown>>

const kindOf = (event: string): Kind => event.split(' ')[0] as Kind

/** Out of order up to 20 ms, with partial matches, time-outs and late events at any time. */
const trying = pattern<string>('trying')
  .begin('card', (event) => kindOf(event) === 'card')
  .followedBy('tries', (event) => kindOf(event) === 'try', { atLeast: 2 })
  .followedBy('payment', (event) => kindOf(event) === 'pay')
  .within('300ms')
  .skipPastLastEvent()

/** As they come. */
const paying = pattern<string>('paying')
  .begin('card', (event) => kindOf(event) === 'card')
  .next('payment', (event) => kindOf(event) === 'pay')
  .within('150ms')

const detecting = topology('detecting', (builder) => {
  const all = builder.stream(attempts)
  const found = all.detect(trying, { outOfOrderness: '20ms' })
  found.to(matched)
  found.timedOut.to(expired)
  found.late.to(missed)
  const soon = all.detect(paying)
  soon.to(paid)
  soon.timedOut.to(paid)
})

function records(items: number): readonly InputRecord[] {
  const random = seededRandom(items)
  const kinds: readonly Kind[] = ['card', 'try', 'try', 'pay', 'pay']
  return Array.from({ length: items }, (_, index) => ({
    topic: 'attempts',
    key: ['ada', 'bob', 'cleo', 'dan'][Math.floor(random() * 4)] ?? '',
    value: `${kinds[Math.floor(random() * kinds.length)]} ${index}`,
    timestampMs: START_MS - 1_000_000 + index * 10 - Math.floor(random() * 60),
  }))
}

type Lines = Readonly<Record<(typeof outputs)[number], readonly string[]>>

/** What a run without any fault, and without a broker, gives for one partition. */
async function expectedOf(partition: readonly InputRecord[]): Promise<Lines> {
  await using driver = new TopologyTestDriver(detecting)
  for (const { key, value, timestampMs } of partition) {
    await driver.input(attempts).send(key, value, { timestampMs })
  }
  const lines = outputs.map((name) => [
    name,
    driver
      .output(topic(name, { key: string, value: json<unknown>() }))
      .records()
      .map((record) => line(record.timestampMs, record.key, JSON.stringify(record.value))),
  ])
  return Object.fromEntries(lines) as Lines
}

const line = (timestampMs: number, key: string | null, value: string | null): string =>
  `${timestampMs} ${key}: ${value}`

const seenIn = (simulation: Simulation): readonly Lines[] =>
  Array.from({ length: PARTITIONS }, (_, partition) => {
    const lines = outputs.map((name) => [
      name,
      (simulation.committed(name)[partition] ?? []).map(({ timestampMs, key, value }) =>
        line(timestampMs, textOf(key), textOf(value)),
      ),
    ])
    return Object.fromEntries(lines) as Lines
  })

export async function patternsScenario({ items, waves }: ScenarioSize): Promise<Scenario> {
  const input = records(items)
  const size = Math.ceil(items / waves)
  const expected: Lines[] = []
  for (let partition = 0; partition < PARTITIONS; partition++) {
    expected.push(
      await expectedOf(
        input.filter(({ key }) => partitionForKey(bytesOf(key ?? ''), PARTITIONS) === partition),
      ),
    )
  }
  for (const name of outputs) {
    if (expected.every((lines) => lines[name].length === 0)) {
      throw new Error(`the scenario does not show that "${name}" is right`)
    }
  }
  return {
    topology: detecting,
    topics: ['attempts', ...outputs],
    waves: Array.from({ length: waves }, (_, wave) => input.slice(wave * size, (wave + 1) * size)),
    inputs: ['attempts'],
    expectExact: (simulation) => expect(seenIn(simulation)).toEqual(expected),
    expectNothingLost: (simulation) => {
      const seen = seenIn(simulation)
      for (const [partition, lines] of expected.entries()) {
        for (const name of outputs) {
          expect(seen[partition]?.[name]).toEqual(expect.arrayContaining([...lines[name]]))
        }
      }
    },
  }
}
