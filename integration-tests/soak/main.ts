/** `npm run soak -- --help` */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { messageOf } from '../../src/core/errors.ts'
import { numbersFrom } from '../support/script-options.ts'
import { verdictLines } from './judge.ts'
import { soak } from './soak.ts'

const usage = `usage: npm run soak -- [options]

Runs a topology whose state expires at a steady rate, with kills now and then, and judges whether
memory, handles, state on disk or lag grow after the warm-up, which is a quarter of the time.

  --minutes N     for how long (30)
  --rate N        records a second (5000)
  --processes N   the first of them is never killed, and watched (3)
  --kill-every N  seconds from kill to kill (45)
  --seed N        of the input (1)
  --keep          keep state and logs, also when nothing grows

Exit codes: 0 nothing grows, 1 something does, or it failed, 2 wrong options.`

async function main(): Promise<number> {
  const options = numbersFrom(process.argv.slice(2), usage, {
    ...{ minutes: 30, rate: 5_000, processes: 3, seed: 1 },
    'kill-every': 45,
  })
  if (options === undefined) return 0
  const { minutes, rate, processes, seed, keep } = options
  const folder = await mkdtemp(join(tmpdir(), 'millrace-soak-'))
  const say = (line: string): void => void process.stdout.write(`${line}\n`)
  say(`state and logs are in ${folder}`)
  const { verdicts, kills, written, failures } = await soak({
    ...{ lengthMs: minutes * 60_000, rate, processes, seed, folder, say },
    ...{ killEveryMs: options['kill-every'] * 1_000, sampleEveryMs: 5_000 },
  })
  say(`${written.toLocaleString('en-US')} records, ${kills} kills`)
  for (const line of [...verdictLines(verdicts), ...failures]) say(line)
  const holds = verdicts.every((verdict) => verdict.holds) && failures.length === 0
  say(holds ? 'Nothing grows.' : 'NOT WELL: see above.')
  if (holds && !keep) await rm(folder, { recursive: true, force: true })
  return holds ? 0 : 1
}

try {
  process.exitCode = await main()
} catch (error) {
  process.stderr.write(`error: ${messageOf(error)}\n`)
  process.exitCode = error instanceof TypeError ? 2 : 1
}
