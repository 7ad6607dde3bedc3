/**
 * Runs whole fleets from seeds: `npm run simulate -- --seeds 10000`, or one of them with all that
 * happens in it: `--seed 17 --trace`. `--mutants` looks how soon each planted bug is found.
 */
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { knobs } from './knobs.ts'
import { mutantNamed, mutants } from './mutants.ts'
import { search } from './runner.ts'
import { plant } from './transforms.ts'

const MUTANT_SEEDS_MAX = 1_000
const PROGRESS_EVERY_MS = 5_000

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    trace: { type: 'boolean', default: false },
    mutants: { type: 'boolean', default: false },
    mutant: { type: 'string' },
    workers: { type: 'string', default: String(availableParallelism()) },
  },
})

const write = (line: string): void => void process.stdout.write(`${line}\n`)
const workers = Number(values.workers)
const from = Number(values.from)
const seedsFrom = (count: number): readonly number[] =>
  Array.from({ length: count }, (_, index) => from + index)

async function one(seed: number): Promise<boolean> {
  const { mutant } = values
  const check = plant(mutant === undefined ? knobs : [...knobs, mutantNamed(mutant)])
  const { runSeed } = await import('./fleet.ts')
  check()
  const outcome = await runSeed(seed, values.trace ? write : undefined)
  write(`seed ${seed}: ${outcome.plan}`)
  write(`${outcome.tookMs} ms of simulated time, ${outcome.steps} steps`)
  for (const problem of outcome.problems) write(`  ${problem}`)
  if (outcome.problems.length === 0) write('all is as promised')
  return outcome.problems.length === 0
}

async function many(count: number): Promise<boolean> {
  const startedMs = performance.now()
  let toldMs = startedMs
  let told = 0
  const bad = await search({
    seeds: seedsFrom(count),
    workers,
    untilFirst: false,
    ...(values.mutant === undefined ? {} : { mutant: values.mutant }),
    onProgress: (ran, found) => {
      for (; told < found.length; told += 1) {
        const { seed, plan, problems } = found[told]!
        write(`seed ${seed} went wrong: ${plan}`)
        for (const problem of problems) write(`  ${problem}`)
        write(`  again: npm run simulate -- --seed ${seed} --trace`)
      }
      const nowMs = performance.now()
      if (nowMs - toldMs < PROGRESS_EVERY_MS) return
      toldMs = nowMs
      const perSecond = (ran / (nowMs - startedMs)) * 1_000
      write(
        `${ran} of ${count} seeds, ${found.length} went wrong, ${perSecond.toFixed(0)} a second`,
      )
    },
  })
  const tookSeconds = (performance.now() - startedMs) / 1_000
  write(
    `${count} seeds from ${from} on: ${bad.length} went wrong, in ${tookSeconds.toFixed(0)} s (${(count / tookSeconds).toFixed(0)} a second)`,
  )
  return bad.length === 0
}

/** Each planted bug, and the first seed that finds it. */
async function all(): Promise<boolean> {
  let areFound = true
  for (const { name, why } of mutants) {
    if (values.mutant !== undefined && values.mutant !== name) continue
    const bad = await search({
      seeds: seedsFrom(MUTANT_SEEDS_MAX),
      workers,
      untilFirst: true,
      mutant: name,
    })
    const [first] = bad
    areFound &&= first !== undefined
    const found = first === undefined ? 'NOT FOUND' : `seed ${first.seed}: ${first.problems[0]}`
    write(`${name} (${why})\n    ${found.slice(0, 160)}`)
  }
  return areFound
}

const isGood =
  values.seed !== undefined
    ? await one(Number(values.seed))
    : await (values.mutants ? all() : many(Number(values.seeds)))
process.exitCode = isGood ? 0 : 1
