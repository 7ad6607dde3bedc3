import { deadLetters, fixed, json, string, topic, topology, type Processor } from 'millrace'
import { deadLetterOf } from '../../../core/dead-letter.ts'
import {
  START_MS,
  differences,
  grouped,
  inputOf,
  keyOf,
  losses,
  seenIn,
  textOf,
  type Committed,
  type ScenarioMaker,
  type Sequences,
} from '../scenario.ts'

const calls = topic('calls', { key: string, value: json<number>() })
const answers = topic('answers', { key: string, value: json<number>() })

/** Every third record is in vain until a time of its own has come. */
const lineIsBusy = (value: number, nowMs: number): boolean =>
  value % 3 === 0 && nowMs < START_MS + 500 + value * 25

const call: Processor<string, number, string, number> = {
  process: (record, { forward, wallClockMs }) => {
    // Sent by no attempt that fails.
    forward(record)
    if (lineIsBusy(record.value, wallClockMs)) throw new Error('the line is busy')
  },
}

/** Every fifth record is in vain for ever. */
const isHopeless = (value: number): boolean => value % 5 === 4

/** Attempts that wait in durable timers, and dead letters after the last one. */
const calling = topology('calling', { deadLetters: deadLetters('unanswered') }, (builder) => {
  builder
    .stream(calls)
    .process(call, { name: 'call', retry: { attempts: 100_000, backoff: fixed('40ms') } })
    .mapValues(
      (value) => {
        if (isHopeless(value)) throw new Error('nobody answers')
        return value
      },
      { name: 'ask', retry: { attempts: 3, backoff: fixed('15ms'), key: string } },
    )
    .to(answers)
})

const answersIn = (committed: Committed): Sequences => seenIn(committed, 'answers')
const unansweredIn = (committed: Committed): Sequences =>
  seenIn(committed, 'unanswered', (record) => {
    const { key, value, attempts, node } = deadLetterOf(record)
    return [textOf(key), `${textOf(value)} after ${attempts} in ${node}`]
  })

export const retriedCalls: ScenarioMaker = (random, size) => {
  const records = inputOf('calls', Math.ceil(size / 2), (index) => ({
    key: keyOf(random),
    value: String(index),
  }))
  const good = grouped(
    records
      .filter(({ value }) => !isHopeless(Number(value)))
      .map(({ key, value }) => [key, value] as const),
  )
  const bad = grouped(
    records
      .filter(({ value }) => isHopeless(Number(value)))
      .map(({ key, value }) => [key, `${value} after 3 in ask`] as const),
  )
  return {
    topology: calling,
    topics: ['calls', 'answers', 'unanswered'],
    inputs: ['calls'],
    records,
    isComplete: (committed) =>
      losses('', answersIn(committed), good).length === 0 &&
      losses('', unansweredIn(committed), bad).length === 0,
    problems: (committed, { guarantee }) => {
      const compare = guarantee === 'exactly-once' ? differences : losses
      return [
        ...compare('answers', answersIn(committed), good),
        ...compare('dead letters', unansweredIn(committed), bad),
      ]
    },
  }
}
