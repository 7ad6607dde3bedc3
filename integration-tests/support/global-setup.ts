import type { TestProject } from 'vitest/node'
import { startKafka } from '../../src/dev/kafka.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Bootstrap servers of the one Kafka that all integration tests share. */
    kafkaBrokers: readonly string[]
  }
}

/** One broker for every file: tests keep apart by the names of their topics and groups. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const kafka = await startKafka({
    onProgress: (line) => void process.stderr.write(`${line}\n`),
  })
  project.provide('kafkaBrokers', kafka.brokers)
  return kafka.stop
}
