import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { firstCepDifference, unlikeFlink } from './check-cep.ts'
import type { CepFixture } from './fixture.ts'

const folder = new URL('./fixtures/', import.meta.url)

const fixtures = readdirSync(folder)
  .filter((name) => name.endsWith('.json'))
  .toSorted()
  .map((name) => JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as CepFixture)

describe('Millrace finds what Flink finds, every match and time-out:', () => {
  for (const fixture of fixtures.filter((each) => unlikeFlink(each) === undefined)) {
    test(`in ${fixture.name}`, async () => {
      expect(await firstCepDifference(fixture)).toBeUndefined()
    })
  }
})

/** The recording as it would be if all had happened so much earlier. */
const moved = (fixture: CepFixture, byMs: number): CepFixture => {
  const earlier = <T extends { readonly timestampMs: number | 'max' }>(each: T): T =>
    each.timestampMs === 'max' ? each : { ...each, timestampMs: each.timestampMs - byMs }
  return {
    ...fixture,
    input: fixture.input.map((each) =>
      'watermarkMs' in each ? { watermarkMs: each.watermarkMs - byMs } : earlier(each),
    ),
    matches: fixture.matches.map(earlier),
    timedOut: fixture.timedOut.map(earlier),
  }
}

test('and also in a recording from before 1970, where Flink has no timers', async () => {
  const zero = fixtures.find(({ name }) => name === 'timestamp-zero') as CepFixture
  expect(await firstCepDifference(moved(zero, 3))).toBeUndefined()
})
