import { describe, expect, test } from 'vitest'
import { json, keyValueStore, string, topic, topology } from 'millrace'
import { seededRandom } from '../core/random.ts'
import { runChaos } from './chaos.fixtures.ts'
import { breakEach } from './crash.fixtures.ts'
import { driverScenario } from './driver-scenario.fixtures.ts'
import { START_MS, type InputRecord } from './simulation.fixtures.ts'

const visits = topic('visits', { key: string, value: json<number>() })
const counts = topic('counts', { key: string, value: json<number>() })

const visiting = topology('visiting', (builder) => {
  const store = keyValueStore('visits', {
    key: string,
    value: json<number>(),
    cached: false,
    ttl: { after: '60ms', clock: 'event-time' },
  })
  builder.stream(visits).groupByKey().count({ store }).toStream().to(counts)
})

function inputOf(size: number, waves: number): InputRecord[][] {
  const random = seededRandom(3)
  const below = (limit: number): number => Math.floor(random() * limit)
  return Array.from({ length: waves }, (_, wave) =>
    Array.from({ length: size }, (__, index) => ({
      topic: 'visits',
      key: `key-${below(16)}`,
      value: '1',
      timestampMs: START_MS - 1_000_000 + (wave * size + index) * 5 - below(30),
    })),
  )
}

const scenarioOf = (size: number, waves: number) =>
  driverScenario({
    topology: visiting,
    inputs: ['visits'],
    output: 'counts',
    waves: inputOf(size, waves),
  })

describe('rows expire as if nothing had happened', async () => {
  const scenario = await scenarioOf(60, 3)

  test('when the process dies before or after any request and is started again', async () => {
    await breakEach({ scenario, successor: 'same process' }, ['dies before', 'dies after'])
  })

  test('when it dies and another process, with nothing on its disk, takes over', async () => {
    await breakEach({ scenario, successor: 'other process' }, ['dies before', 'dies after'])
  })

  test.for([1, 2])('in three processes, whatever goes wrong (seed %i)', async (seed) => {
    await runChaos({ scenario: await scenarioOf(10, 20), seed, events: 30 })
    expect.hasAssertions()
  })
})
