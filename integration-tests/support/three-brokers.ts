import { startKafka } from '../../src/dev/kafka.ts'
import type { RunningKafka } from '../../src/dev/running-kafka.ts'

/**
 * Three brokers of the test's own, to be killed and frozen: replication 3, two in sync. For
 * `await using`, one a file, since they take half a gigabyte.
 */
export const threeBrokers = (): Promise<RunningKafka> => startKafka({ brokers: 3, own: true })
