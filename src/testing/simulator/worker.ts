import { parentPort, workerData } from 'node:worker_threads'
import { assert } from '../../core/errors.ts'
import { knobs } from './knobs.ts'
import type { FromWorker, ToWorker, WorkerData } from './messages.ts'
import { mutantNamed } from './mutants.ts'
import { plant } from './transforms.ts'

assert(parentPort !== null, 'this runs in a thread of its own')
const port = parentPort
// Errors are many, and their stacks are dear.
Error.stackTraceLimit = 2
const { mutant } = workerData as WorkerData
const check = plant(mutant === undefined ? knobs : [...knobs, mutantNamed(mutant)])
const { runSeed } = await import('./fleet.ts')
check()

port.on('message', ({ seeds }: ToWorker) => {
  void run(seeds).then((answer) => port.postMessage(answer))
})

async function run(seeds: readonly number[]): Promise<FromWorker> {
  let ran = 0
  for (const seed of seeds) {
    const outcome = await runSeed(seed)
    ran += 1
    if (outcome.problems.length > 0) return { ran, bad: [outcome] }
  }
  return { ran, bad: [] }
}
