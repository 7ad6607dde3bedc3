import type { Duration } from '../../../core/duration.ts'
import { json } from '../../../serde/json.ts'
import { string } from '../../../serde/string.ts'
import { TopologyTestDriver } from '../../../testing/topology-test-driver.ts'
import type { Topology } from '../../../topology/topology.ts'
import { topic } from '../../topic.ts'
import { topology } from '../../topology.ts'
import type { CepFixture, FixtureEvent, Ids } from './fixture.ts'
import { patternOf } from './pattern-of.ts'

export interface Result {
  readonly key: string
  readonly events: Ids
  readonly timestampMs: number | 'max'
  readonly atInput: number
}

/** What came of the input; `failedAt`: the index of the one that failed. */
export interface Outcome {
  readonly matches: readonly Result[]
  readonly timedOut: readonly Result[]
  readonly late: readonly string[]
  readonly failedAt?: number
}

type Shown = Readonly<Record<string, FixtureEvent | readonly FixtureEvent[]>>

const events = topic('events', { key: string, value: json<FixtureEvent>() })
const matched = topic('matched', { key: string, value: json<Shown>() })
const expired = topic('timed-out', { key: string, value: json<Shown>() })
const lateOnes = topic('late', { key: string, value: json<FixtureEvent>() })

/** No event has it: its records move time. */
const TICK_KEY = '(tick)'
/** With watermarks of their own no event may move time: it is further behind than they are long. */
const NEVER_MS = 10 ** 12
const END_MS = Number.MAX_SAFE_INTEGER

/** By how much times are moved: Kafka has none before 1970. */
const shiftOf = ({ input }: CepFixture): number => {
  const times = input.map((each) => ('watermarkMs' in each ? 0 : each.timestampMs))
  return -Math.min(0, ...times)
}

/** The topology of a fixture; throws where the pattern is refused. */
export function topologyOf(fixture: CepFixture): Topology {
  const outOfOrderness: Duration = `${fixture.outOfOrdernessMs ?? NEVER_MS}ms`
  return topology('cep', (builder) => {
    const found = builder.stream(events).detect(patternOf(fixture), {
      outOfOrderness,
      timeouts: 'flink',
      partialMatchesMax: Number.MAX_SAFE_INTEGER,
      '~flinkZeroMs': shiftOf(fixture),
    })
    found.mapValues((match) => match as unknown as Shown).to(matched)
    found.timedOut.mapValues((partial) => partial as unknown as Shown).to(expired)
    found.late.to(lateOnes)
  })
}

/** Sends the fixture's input through its pattern. Throws where the pattern is refused. */
export async function runCep(fixture: CepFixture): Promise<Outcome> {
  const { input, outOfOrdernessMs = NEVER_MS } = fixture
  const shiftMs = shiftOf(fixture)
  await using driver = new TopologyTestDriver(topologyOf(fixture))
  const matches: Result[] = []
  const timedOut: Result[] = []
  const late: string[] = []
  const atEndMs = END_MS - outOfOrdernessMs - 1
  const timeOf = (timestampMs: number): number | 'max' =>
    timestampMs === atEndMs ? 'max' : timestampMs - shiftMs
  const collect = (atInput: number): void => {
    for (const [output, results] of [
      [matched, matches],
      [expired, timedOut],
    ] as const) {
      for (const { key, value, timestampMs } of driver.output(output).records()) {
        if (key === TICK_KEY) continue
        results.push({ key, events: idsOf(value), timestampMs: timeOf(timestampMs), atInput })
      }
    }
    late.push(
      ...driver
        .output(lateOnes)
        .values()
        .map(({ id }) => id),
    )
  }
  const tick = (watermarkMs: number): Promise<void> =>
    driver.input(events).send(TICK_KEY, null, { timestampMs: watermarkMs + outOfOrdernessMs + 1 })
  for (const [atInput, step] of input.entries()) {
    try {
      if ('watermarkMs' in step) await tick(step.watermarkMs + shiftMs)
      else {
        const timestampMs = step.timestampMs + shiftMs
        await driver.input(events).send(step.key, step, { timestampMs })
      }
    } catch {
      return { matches, timedOut, late, failedAt: atInput }
    }
    collect(atInput)
  }
  await tick(atEndMs)
  collect(input.length)
  return { matches, timedOut, late }
}

const idsOf = (shown: Shown): Ids =>
  Object.fromEntries(
    Object.entries(shown).map(([step, taken]) => [
      step,
      (Array.isArray(taken) ? (taken as readonly FixtureEvent[]) : [taken as FixtureEvent]).map(
        ({ id }) => id,
      ),
    ]),
  )
