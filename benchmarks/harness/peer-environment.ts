import { commitIntervalMs, type Workload } from './workloads.ts'

export interface PeerRun {
  readonly brokers: readonly string[]
  readonly workload: Workload
  /** Names the application, and so every topic and file of the run. */
  readonly name: string
  readonly input: string
  /** Of a join: the payments. */
  readonly input2?: string
  readonly output: string
  /** An empty directory. */
  readonly stateDirectory: string
}

/** What `peer.ts` reads; a program of another make that reads the same can be measured the same. */
export const peerEnvironment = (run: PeerRun): Readonly<Record<string, string>> => ({
  KAFKA_BROKERS: run.brokers.join(','),
  BENCH_WORKLOAD: run.workload,
  BENCH_APP: run.name,
  BENCH_IN: run.input,
  ...(run.input2 === undefined ? {} : { BENCH_IN2: run.input2 }),
  BENCH_OUT: run.output,
  BENCH_STATE: run.stateDirectory,
  BENCH_COMMIT_MS: String(commitIntervalMs(run.workload)),
})
