import type { CepFixture, Found, Ids } from './fixture.ts'
import { runCep, topologyOf, type Result } from './run-cep.ts'

/** Why a fixture does not count; undefined: it does. */
export const unlikeFlink = ({ tags }: Pick<CepFixture, 'tags'>): string | undefined =>
  tags.includes('gap-window')
    ? 'the limit between the events of a repeated step means what it says (docs/decisions)'
    : undefined

/** The first thing in which Millrace differs from what Flink gave, in a line. */
export async function firstCepDifference(fixture: CepFixture): Promise<string | undefined> {
  if (fixture.rejected === true) return differenceInRefusal(fixture)
  const outcome = await runCep(fixture)
  if (fixture.runtimeError !== undefined) {
    const { failedAt } = outcome
    if (failedAt === fixture.atInput) return undefined
    return `expected to fail at input ${fixture.atInput}, got ${failedAt === undefined ? 'no failure' : `a failure at input ${failedAt}`}`
  }
  if (outcome.failedAt !== undefined) return `input ${outcome.failedAt} fails`
  const matches = fixture.matches.map((each) => resultOf(each, each.match))
  const timedOut = fixture.timedOut.map((each) => resultOf(each, each.partial))
  return (
    differenceIn('match', inOrder(matches), inOrder(outcome.matches)) ??
    differenceIn('timed out', anyOrder(timedOut), anyOrder(outcome.timedOut)) ??
    differenceIn('late', fixture.late, outcome.late)
  )
}

function differenceInRefusal(fixture: CepFixture): string | undefined {
  try {
    topologyOf(fixture)
  } catch {
    return undefined
  }
  return `expected the pattern to be refused (${fixture.error}), got no error`
}

const resultOf = ({ key, timestampMs, atInput }: Found, events: Ids): Result => ({
  key,
  events,
  timestampMs,
  atInput,
})

const place = ({ atInput, key }: Result): string => `at input ${atInput}, key ${key}`

const textOf = (result: Result): string =>
  `${place(result)}: ${JSON.stringify(result.events)} of time ${result.timestampMs}`

/** Nothing is said of the order of keys, nor of that of time-outs. */
const anyOrder = (results: readonly Result[]): readonly string[] => results.map(textOf).toSorted()

/**
 * Within an input and a key matches come by the event that completed them, then by the one that
 * began them; those that began with the same event come in any order.
 */
function inOrder(results: readonly Result[]): readonly string[] {
  const byPlace = Map.groupBy(
    results.toSorted((left, right) => left.atInput - right.atInput),
    place,
  )
  return [...byPlace.keys()].toSorted().flatMap((each) => {
    const runs: string[][] = []
    let before = ''
    for (const result of byPlace.get(each) ?? []) {
      const first = Object.values(result.events).flat()[0]
      const run = `${result.timestampMs} ${first}`
      if (run === before) runs.at(-1)?.push(textOf(result))
      else runs.push([textOf(result)])
      before = run
    }
    return runs.flatMap((run) => run.toSorted())
  })
}

function differenceIn(
  what: string,
  expected: readonly string[],
  got: readonly string[],
): string | undefined {
  const length = Math.max(expected.length, got.length)
  for (let i = 0; i < length; i++) {
    if (expected[i] === got[i]) continue
    return `${what} ${i}: expected ${expected[i] ?? 'nothing'}, got ${got[i] ?? 'nothing'}`
  }
  return undefined
}
