import { Worker } from 'node:worker_threads'
import type { Outcome } from './fleet.ts'
import type { FromWorker, ToWorker, WorkerData } from './messages.ts'

const SEEDS_PER_BATCH = 20
/** Of real time: a batch that takes longer hangs. */
const BATCH_MAX_MS = 120_000

export interface Search {
  readonly seeds: readonly number[]
  readonly mutant?: string
  readonly workers: number
  /** Whether to look no further once one went wrong. */
  readonly untilFirst: boolean
  readonly onProgress?: (ran: number, bad: readonly Outcome[]) => void
}

/** Runs seeds in threads; resolves to those that went wrong, by seed. */
export async function search(options: Search): Promise<readonly Outcome[]> {
  const { seeds, workers, untilFirst, onProgress } = options
  const bad: Outcome[] = []
  let next = 0
  let ran = 0
  const work = async (): Promise<void> => {
    const worker = new SeedWorker({ mutant: options.mutant })
    try {
      const isOver = (): boolean => untilFirst && bad.length > 0
      while (next < seeds.length && !isOver()) {
        const batch = seeds.slice(next, next + SEEDS_PER_BATCH)
        next += batch.length
        // After one that went wrong the others of its batch are still to be run.
        for (let done = 0; done < batch.length;) {
          const answer = await worker.run(batch.slice(done))
          done += answer.ran
          ran += answer.ran
          bad.push(...answer.bad)
          if (isOver()) break
        }
        onProgress?.(ran, bad)
      }
    } finally {
      await worker.end()
    }
  }
  await Promise.all(Array.from({ length: workers }, work))
  return bad.sort((a, b) => a.seed - b.seed)
}

/** One thread that runs seeds. */
class SeedWorker {
  readonly #worker: Worker

  constructor(data: WorkerData) {
    this.#worker = new Worker(new URL('./worker.ts', import.meta.url), {
      workerData: data,
      execArgv: ['--conditions=millrace-source'],
    })
  }

  async run(seeds: readonly number[]): Promise<FromWorker> {
    const { promise, resolve, reject } = Promise.withResolvers<FromWorker>()
    const hangs = setTimeout(() => {
      const outcome = { plan: '', problems: ['it hangs'], tookMs: 0, steps: 0 }
      resolve({ ran: seeds.length, bad: [{ seed: seeds[0] ?? 0, ...outcome }] })
    }, BATCH_MAX_MS)
    this.#worker.once('message', resolve).once('error', reject)
    this.#worker.postMessage({ seeds } satisfies ToWorker)
    try {
      return await promise
    } finally {
      clearTimeout(hangs)
      this.#worker.off('message', resolve).off('error', reject)
    }
  }

  async end(): Promise<void> {
    await this.#worker.terminate()
  }
}
