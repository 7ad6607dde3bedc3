export {
  TopologyTestDriver,
  type SendOptions,
  type TestDriverOptions,
  type TestInput,
  type TestOutput,
  type TestRecord,
} from './topology-test-driver.ts'
export type { DeadLetter } from '../core/dead-letter.ts'
export type { OpenTelemetry } from '../runtime/tracing/open-telemetry.ts'
