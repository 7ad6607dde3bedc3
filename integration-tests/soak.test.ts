/**
 * The script behind `npm run soak`, for seconds: that it samples, kills and says what it saw. What
 * it makes of half an hour of samples is in soak/judge.test.ts.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { verdictLines } from './soak/judge.ts'
import { soak } from './soak/soak.ts'

test('a soak samples a fleet that is killed now and then', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-soak-'))
  const said: string[] = []
  const report = await soak({
    ...{ folder, lengthMs: 15_000, rate: 1_000, processes: 2, seed: 1 },
    ...{ killEveryMs: 5_000, sampleEveryMs: 1_000, say: (line) => said.push(line) },
  })
  const { verdicts, samples, kills, written, failures } = report
  expect(failures, said.join('\n')).toEqual([])
  expect(kills).toBeGreaterThan(0)
  expect(samples).toBeGreaterThan(5)
  expect(written).toBeGreaterThan(10_000)
  const medians = Object.fromEntries(
    verdicts.map(({ unit, what, median }) => [what, [median, unit]]),
  )
  expect(medians).toEqual({
    'memory of the process that is not killed': [between(60, 1_000), 'MiB'],
    'its JavaScript heaps': [between(10, 500), 'MiB'],
    'its open handles': [between(5, 200), 'handles'],
    'state directories of all processes': [between(0, 200), 'MiB'],
    'input not processed yet': [between(0, 15_000), 'records'],
  })
  expect(verdictLines(verdicts)).toHaveLength(6)
  await rm(folder, { recursive: true })
})

/** A number in this range, both ends included. */
const between = (least: number, most: number): unknown =>
  expect.toSatisfy((value: number) => value >= least && value <= most, `${least} to ${most}`)
