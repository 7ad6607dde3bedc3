/**
 * A fleet on three brokers under everything that production does to it; `npm run chaos` does so for
 * minutes, at times that chance decides.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { chaos } from './chaos/chaos.ts'
import type { Scheduled } from './chaos/schedule.ts'

const schedule: readonly Scheduled[] = [
  { atMs: 2_000, type: 'kill process', target: 1, forMs: 1_000 },
  { atMs: 3_000, type: 'kill broker', target: 0, forMs: 2_000 },
  { atMs: 6_000, type: 'freeze process', target: 2, forMs: 4_500 },
  { atMs: 9_000, type: 'kill broker', target: 1, forMs: 2_000 },
  { atMs: 11_000, type: 'roll' },
  { atMs: 14_000, type: 'kill broker', target: 2, forMs: 2_000 },
]

// Half a minute, where nobody else wants the processor.
const slowly = { retry: 0, timeout: 300_000 }

test('killed, frozen and rolled, a fleet does everything once', slowly, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-chaos-'))
  const said: string[] = []
  const account = await chaos({
    ...{ schedule, folder, lengthMs: 18_000, seed: 20_261_125, rate: 1_000, processes: 4 },
    say: (line) => said.push(line),
  })
  expect(account, [...said, `logs: ${folder}`].join('\n')).toMatchObject({
    ...{ inputs: 18_000, duplicates: 0, lost: 0, differing: 0, findings: [] },
  })
  expect(account.outputs).toBeGreaterThan(18_000)
  expect(account.deadLetters).toBeGreaterThan(300)
  await rm(folder, { recursive: true })
})
