import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { familyOf, unsayable } from './families.ts'
import type { Fixture } from './fixture.ts'
import { runFixture } from './run-fixture.ts'

const folder = new URL('./fixtures/', import.meta.url)

/**
 * Fixtures of Kafka Streams; other kinds lie in folders of their own. Those called `--s1`, `--s2`
 * and `--edge` have the usual parameters of their family, `--v1` and so on have others.
 */
const fixtures = readdirSync(folder)
  .filter((name) => name.endsWith('.json'))
  .toSorted()
  .map((name) => JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as Fixture)

describe('every record, in order, and all rows of the stores', () => {
  for (const fixture of fixtures) {
    const { name, family, output, outputAt, stores } = fixture
    const build = familyOf(family)
    if (build === undefined) continue
    test(`${name} is as Kafka Streams has it`, async () => {
      expect(await runFixture(fixture, build)).toEqual({ output, outputAt, stores })
    })
  }
})

test('every family of fixtures is built, or there is a reason', () => {
  const families = new Set(fixtures.map(({ family }) => family))
  const missing = [...families].filter((each) => familyOf(each) === undefined)
  expect(missing).toEqual(Object.keys(unsayable).toSorted())
})
