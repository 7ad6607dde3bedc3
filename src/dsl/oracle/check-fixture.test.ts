import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { checkFixture } from './check-fixture.ts'
import type { Fixture, Row } from './fixture.ts'

const folder = mkdtempSync(join(tmpdir(), 'fixtures-'))
afterAll(() => rmSync(folder, { recursive: true }))

const original = fileURLToPath(new URL('./fixtures/group-reduce--s1.json', import.meta.url))
const fixture = JSON.parse(readFileSync(original, 'utf8')) as Fixture
const records = fixture.output['out'] as readonly Row[]

/** A file with the fixture and something else in it. */
function changed(change: object): string {
  const path = join(folder, 'changed.json')
  writeFileSync(path, JSON.stringify({ ...fixture, ...change }))
  return path
}

test('a fixture that is met passes', async () => {
  expect(await checkFixture(original)).toEqual({ result: 'passed' })
})

test('the first record that differs is told', async () => {
  const path = changed({ output: { out: records.with(2, { key: 'x', value: 1, timestampMs: 2 }) } })
  expect(await checkFixture(path)).toEqual({
    result: 'failed',
    reason: `record 2 of topic "out": expected {"key":"x","value":1,"timestampMs":2}, got ${JSON.stringify(records[2])}`,
  })
})

test('a record too many is told', async () => {
  const path = changed({ output: { out: records.slice(0, -1) } })
  expect(await checkFixture(path)).toEqual({
    result: 'failed',
    reason: `record ${records.length - 1} of topic "out": expected nothing, got ${JSON.stringify(records.at(-1))}`,
  })
})

test('a record that another input causes is told', async () => {
  const at = fixture.outputAt['out'] as readonly number[]
  expect(await checkFixture(changed({ outputAt: { out: at.with(0, 7) } }))).toEqual({
    result: 'failed',
    reason: `record 0 of topic "out" ${JSON.stringify(records[0])}: expected at input 7, got at input ${at[0]}`,
  })
})

test('a row that is not there is told', async () => {
  const rows = [{ key: '0', value: 1, timestampMs: 3 }, ...(fixture.stores['reduced'] ?? [])]
  expect(await checkFixture(changed({ stores: { reduced: rows } }))).toEqual({
    result: 'failed',
    reason: `row 0 of store "reduced": expected {"key":"0","value":1,"timestampMs":3}, got ${JSON.stringify(rows[1])}`,
  })
})

test('what nobody builds is a failure, and so is what is no fixture', async () => {
  expect(await checkFixture(changed({ family: 'new' }))).toEqual({
    result: 'failed',
    reason: 'nobody builds the family "new"',
  })
  expect(await checkFixture(changed({ params: { reducer: 'median' } }))).toEqual({
    result: 'failed',
    reason: 'Error: there is no reducer "median"',
  })
  const path = join(folder, 'text.json')
  writeFileSync(path, '"text"')
  expect(await checkFixture(path)).toEqual({ result: 'failed', reason: 'this is no fixture' })
})
