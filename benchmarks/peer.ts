import { enableCompileCache } from 'node:module'

/** Runs the workload that the environment names until SIGTERM. */
const { KAFKA_BROKERS = 'localhost:9092', BENCH_APP, BENCH_STATE, BENCH_WORKLOAD } = process.env
const { BENCH_THREADS = '1', BENCH_COMMIT_MS = '5000', BENCH_LINGER_MS } = process.env

// As `millrace run` does: modules that an earlier start has compiled are not compiled again.
enableCompileCache()
const { start } = await import('millrace')
const app = await start(import.meta.resolve('./peer-topology.ts'), {
  brokers: KAFKA_BROKERS.split(','),
  threads: Number(BENCH_THREADS),
  guarantee: BENCH_WORKLOAD === 'W2' ? 'exactly-once' : 'at-least-once',
  commitInterval: `${Number(BENCH_COMMIT_MS)}ms`,
  cacheMaxBytes: 0,
  ...(BENCH_APP === undefined ? {} : { applicationId: BENCH_APP }),
  ...(BENCH_STATE === undefined ? {} : { stateDir: BENCH_STATE }),
  ...(BENCH_LINGER_MS === undefined ? {} : { linger: `${Number(BENCH_LINGER_MS)}ms` as const }),
  log: { level: 'warn' },
})
process.once('SIGTERM', () => void app.stop())
await app.finished
