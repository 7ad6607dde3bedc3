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
