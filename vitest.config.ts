import { defineConfig } from 'vitest/config'

const needsKafka = ['integration-tests/**/*.test.ts', 'src/**/*.kafka.test.ts']

/** A folder to which each run adds its results as JSON; .ci/run adds them up. */
const reports = process.env['MILLRACE_TEST_REPORTS']

// Nothing is built in a checkout: who imports 'millrace' gets its source, here and in the threads
// that a test starts.
const condition = 'millrace-source'

export default defineConfig({
  test: {
    reporters:
      reports === undefined
        ? ['default']
        : ['default', ['json', { outputFile: `${reports}/${process.pid}.json` }]],
    projects: [
      {
        ssr: { resolve: { conditions: [condition, 'node'] } },
        test: {
          name: 'unit',
          execArgv: [`--conditions=${condition}`],
          include: ['{src,topologies,benchmarks,docs}/**/*.test.ts'],
          exclude: needsKafka,
          // For a busy machine; a test that takes a second of its own is too slow.
          testTimeout: 20_000,
        },
      },
      {
        ssr: { resolve: { conditions: [condition, 'node'] } },
        test: {
          name: 'integration',
          execArgv: [`--conditions=${condition}`],
          include: needsKafka,
          globalSetup: ['integration-tests/support/global-setup.ts'],
          // Two cores are what CI has, and a broker wants one of them.
          maxWorkers: 2,
          // Brokers that starve beside tests answer late. Proofs of exactly-once are not retried.
          retry: 1,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
})
