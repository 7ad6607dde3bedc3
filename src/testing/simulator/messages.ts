import type { Outcome } from './fleet.ts'

/** What a worker is started with. */
export interface WorkerData {
  /** By name; undefined: our code as it is. */
  readonly mutant: string | undefined
}

/** Seeds to run, one after the other. */
export interface ToWorker {
  readonly seeds: readonly number[]
}

/** After each batch of seeds. */
export interface FromWorker {
  readonly ran: number
  /** Those with problems; the worker ends its batch with the first. */
  readonly bad: readonly Outcome[]
}
