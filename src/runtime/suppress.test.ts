import { describe, expect, test } from 'vitest'
import { json, keyValueStore, string, topic, topology, untilTimeLimit } from 'millrace'
import { seededRandom } from '../core/random.ts'
import { runChaos } from './chaos.fixtures.ts'
import { breakEach } from './crash.fixtures.ts'
import { driverScenario } from './driver-scenario.fixtures.ts'
import { START_MS, type InputRecord } from './simulation.fixtures.ts'

const prices = topic('prices', { key: string, value: json<number>() })
const slow = topic('slow', { key: string, value: json<number | null>() })

const held = topology('held', (builder) => {
  const uncached = { key: string, value: json<number>(), cached: false }
  builder
    .table(prices, { store: keyValueStore('prices', uncached) })
    .suppress(untilTimeLimit('40ms', { records: 4 }), { store: 'waiting' })
    .toStream()
    .to(slow)
})

/** Late ones among them, which must find stream time where it was. */
function inputOf(size: number, waves: number): InputRecord[][] {
  const random = seededRandom(7)
  const below = (limit: number): number => Math.floor(random() * limit)
  return Array.from({ length: waves }, (_, wave) =>
    Array.from({ length: size }, (__, index) => ({
      topic: 'prices',
      key: `key-${below(12)}`,
      value: below(6) === 0 ? null : String(below(100)),
      timestampMs: START_MS - 1_000_000 + (wave * size + index) * 5 - below(60),
    })),
  )
}

const scenarioOf = (size: number, waves: number) =>
  driverScenario({
    topology: held,
    inputs: ['prices'],
    output: 'slow',
    waves: inputOf(size, waves),
  })

describe('updates that are held back go as if nothing had happened', async () => {
  const scenario = await scenarioOf(20, 3)

  test('when the process dies before or after any request and is started again', async () => {
    await breakEach({ scenario, successor: 'same process' }, ['dies before', 'dies after'])
  })

  test('when it dies and another process, with nothing on its disk, takes over', async () => {
    const life = { cacheMaxBytes: 1_000_000 }
    await breakEach({ scenario, life, successor: 'other process' }, ['dies before', 'dies after'])
  })

  test.for([1, 2, 3, 4])('in three processes, whatever goes wrong (seed %i)', async (seed) => {
    await runChaos({ scenario: await scenarioOf(8, 20), seed, events: 30 })
    expect.hasAssertions()
  })
})
