import { json, string, topic, topology, type FixedKeyProcessor } from 'millrace'
import {
  differences,
  grouped,
  inputOf,
  keyOf,
  losses,
  seenIn,
  type Committed,
  type Sequences,
  type ScenarioMaker,
} from '../scenario.ts'

const visits = topic('callers', { key: string, value: json<number>() })
const reminders = topic('reminders', { key: string, value: string })

/** Each record sets a timer of the wall clock; every fourth one is cancelled at once. */
const remind: FixedKeyProcessor<string, number, string> = {
  process: ({ value }, { timers, wallClockMs, forward }) => {
    timers.set(`${value}`, wallClockMs + 30 + (value % 5) * 60, 'wall-clock')
    if (value % 4 === 3) timers.cancel(`${value}`)
    forward({ value: `seen ${value}` })
  },
  onTimer: ({ name }, { forward }) => forward({ value: `after ${name}` }),
}

const reminding = topology('reminding', (builder) => {
  builder
    .stream(visits)
    .processValues(remind, { name: 'remind', timers: 'reminders' })
    .to(reminders)
})

/** When timers fire differs from run to run, so each kind is looked at for itself. */
const firedIn = (committed: Committed): Sequences =>
  new Map(
    [...seenIn(committed, 'reminders')].map(([key, values]) => [
      key,
      [
        ...values.filter((value) => value.startsWith('seen')),
        ...values.filter((value) => value.startsWith('after')).toSorted(),
      ],
    ]),
  )

export const reminded: ScenarioMaker = (random, size) => {
  const records = inputOf('callers', size, (index) => ({
    key: keyOf(random),
    value: String(index),
  }))
  const fires = records.filter(({ value }) => Number(value) % 4 !== 3)
  const expected = grouped([
    ...records.map(({ key, value }) => [key, `seen ${value}`] as const),
    ...fires
      .map(({ key, value }) => [key, `after ${value}`] as const)
      .toSorted(([, a], [, b]) => (a < b ? -1 : 1)),
  ])
  return {
    topology: reminding,
    topics: ['callers', 'reminders'],
    inputs: ['callers'],
    records,
    isComplete: (committed) => losses('', firedIn(committed), expected).length === 0,
    problems: (committed, { guarantee }) =>
      (guarantee === 'exactly-once' ? differences : losses)(
        'reminders',
        firedIn(committed),
        expected,
      ),
  }
}
