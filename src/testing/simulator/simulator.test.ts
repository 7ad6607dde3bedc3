import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { knobs } from './knobs.ts'
import { mutants } from './mutants.ts'
import { search } from './runner.ts'
import { changed, pathOf } from './transforms.ts'

const seedsFrom = (from: number, count: number): readonly number[] =>
  Array.from({ length: count }, (_, index) => from + index)

test('whole fleets keep their promises, whatever goes wrong', { timeout: 180_000 }, async () => {
  const bad = await search({ seeds: seedsFrom(1, 60), workers: 2, untilFirst: false })
  expect(bad).toEqual([])
})

test('a seed is the same run each time, line by line', { timeout: 60_000 }, async () => {
  const main = fileURLToPath(new URL('./main.ts', import.meta.url))
  const trace = async (): Promise<string> => {
    const args = ['--conditions=millrace-source', main, '--seed', '14', '--trace']
    const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 2 ** 27 })
    return stdout
  }
  const [first, again] = await Promise.all([trace(), trace()])
  expect(first.split('\n').length).toBeGreaterThan(500)
  expect(again).toBe(first)
})

describe('a bug that is planted', () => {
  test.for(mutants.map((mutant) => [mutant.name, mutant] as const))(
    'changes code that is still there: %s',
    ([, mutant]) => {
      const source = readFileSync(pathOf(mutant), 'utf8')
      expect(changed(source, mutant)).not.toBe(source)
    },
  )
})

/** Those that show soon: `npm run simulate -- --mutants` looks for all of them. */
const QUICKLY = 20

describe('a bug that is planted is found within a few seeds', { timeout: 180_000 }, () => {
  test.concurrent.for(
    mutants.filter(({ within }) => within <= QUICKLY).map(({ name, why }) => [name, why] as const),
  )('%s: %s', async ([mutant], { expect: expects }) => {
    const seeds = seedsFrom(1, QUICKLY)
    const bad = await search({ seeds, mutant, workers: 1, untilFirst: true })
    expects(bad).toHaveLength(1)
  })
})

test('limits are made small where they still stand', () => {
  for (const knob of knobs) {
    const source = readFileSync(pathOf(knob), 'utf8')
    expect(changed(source, knob)).not.toBe(source)
  }
})
