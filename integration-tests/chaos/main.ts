/** `npm run chaos -- --help` */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { messageOf } from '../../src/core/errors.ts'
import { systemRandom } from '../../src/core/random.ts'
import { numbersFrom } from '../support/script-options.ts'
import { accountLines, isExact } from './account.ts'
import { chaos, SESSION_MS } from './chaos.ts'
import { newSchedule } from './schedule.ts'

const usage = `usage: npm run chaos -- [options]

Runs the orders topology on three brokers under load, while processes and brokers are killed,
frozen and restarted, and compares all that came out with a plain fold over the input.

  --minutes N    for how long (5)
  --seed N       of the schedule and the input (any); the same seed, the same schedule
  --rate N       records a second (1000)
  --processes N  (4)
  --standbys N   copies of each task on other processes (0)
  --keep         keep state and logs, also when all is exact

Exit codes: 0 exact, 1 not exact, or failed, 2 wrong options.`

async function main(): Promise<number> {
  const options = numbersFrom(process.argv.slice(2), usage, {
    minutes: 5,
    seed: Math.floor(systemRandom() * 1_000_000),
    rate: 1_000,
    processes: 4,
    standbys: 0,
  })
  if (options === undefined) return 0
  const { minutes, seed, rate, processes, standbys, keep } = options
  const lengthMs = minutes * 60_000
  const folder = await mkdtemp(join(tmpdir(), `millrace-chaos-${seed}-`))
  const say = (line: string): void => void process.stdout.write(`${line}\n`)
  say(`seed ${seed}: state and logs are in ${folder}`)
  const schedule = newSchedule({
    ...{ seed, lengthMs, processes, brokers: 3 },
    sessionTimeoutMs: SESSION_MS,
  })
  const account = await chaos({
    ...{ schedule, lengthMs, seed, rate, processes, folder, say },
    options: standbys > 0 ? { standbys: String(standbys) } : {},
  })
  for (const line of accountLines(account)) say(line)
  if (!isExact(account)) {
    say(`see the logs in ${folder}; \`npm run chaos -- --minutes ${minutes} --seed ${seed}\` again`)
    return 1
  }
  if (!keep) await rm(folder, { recursive: true, force: true })
  return 0
}

try {
  process.exitCode = await main()
} catch (error) {
  process.stderr.write(`error: ${messageOf(error)}\n`)
  process.exitCode = error instanceof TypeError ? 2 : 1
}
