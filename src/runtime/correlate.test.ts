import { describe, expect, test } from 'vitest'
import { correlate, json, string, topic, topology } from 'millrace'
import { seededRandom } from '../core/random.ts'
import { runChaos } from './chaos.fixtures.ts'
import { breakEach } from './crash.fixtures.ts'
import { driverScenario } from './driver-scenario.fixtures.ts'
import { START_MS, type InputRecord } from './simulation.fixtures.ts'

interface Message {
  readonly kind: 'order' | 'payment'
  readonly id: number
}

const messages = topic('messages', { key: string, value: json<Message>() })
const results = topic('results', { key: string, value: string })

/** Everything that may come out, told apart in one topic. */
const correlated = topology('correlated', (builder) => {
  const once = builder
    .stream(messages)
    .dedupe({ by: ({ id }) => id, within: '200ms', store: 'seen' })
  const { order, payment } = once.split({
    order: ({ kind }) => kind === 'order',
    payment: ({ kind }) => kind === 'payment',
  })
  const met = correlate(
    { order, payment },
    { within: '40ms', grace: '20ms', store: 'met', repeated: 'first' },
  )
  const told = (what: string) => (value: object) => `${what} ${JSON.stringify(value)}`
  met.mapValues(told('met')).to(results)
  met.timedOut.mapValues(told('alone')).to(results)
  met.late.mapValues(told('late')).to(results)
  once.duplicates.mapValues(told('twice')).to(results)
})

function inputOf(size: number, waves: number): InputRecord[][] {
  const random = seededRandom(11)
  const below = (limit: number): number => Math.floor(random() * limit)
  return Array.from({ length: waves }, (_, wave) =>
    Array.from({ length: size }, (__, index) => {
      const number = wave * size + index
      // One in five comes twice.
      const message: Message = {
        kind: below(2) === 0 ? 'order' : 'payment',
        id: below(5) === 0 ? Math.max(0, number - 1) : number,
      }
      return {
        topic: 'messages',
        key: `key-${below(10)}`,
        value: JSON.stringify(message),
        timestampMs: START_MS - 1_000_000 + number * 5 - below(30),
      }
    }),
  )
}

const scenarioOf = (size: number, waves: number) =>
  driverScenario({
    topology: correlated,
    inputs: ['messages'],
    output: 'results',
    waves: inputOf(size, waves),
  })

describe('records meet, time out and are known again as if nothing had happened', async () => {
  const scenario = await scenarioOf(24, 3)

  test('when the process dies before or after any request and is started again', async () => {
    await breakEach({ scenario, successor: 'same process' }, ['dies before', 'dies after'])
  })

  test('when it dies and another process, with nothing on its disk, takes over', async () => {
    await breakEach({ scenario, successor: 'other process' }, ['dies before', 'dies after'])
  })

  test.for([1, 2, 3])('in three processes, whatever goes wrong (seed %i)', async (seed) => {
    await runChaos({ scenario: await scenarioOf(8, 20), seed, events: 30 })
    expect.hasAssertions()
  })
})
