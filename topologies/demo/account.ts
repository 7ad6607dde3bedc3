import { readTopic } from '../../src/admin/read-topic.ts'
import type { Clock } from '../../src/core/clock.ts'
import type { KafkaPort } from '../../src/kafka/port.ts'
import type { Account, Audit } from './case-study.ts'

/** Reads back all that is committed. */
export async function closeAccount(port: KafkaPort, clock: Clock, audit: Audit): Promise<Account> {
  for (const topic of audit.topics) {
    for await (const record of readTopic(port, clock, topic, 'end')) audit.read(topic, record)
  }
  return audit.close()
}

/** What is wrong with the records of a run. */
export interface Faults {
  /** Records that are not where they belong. */
  readonly missing: number
  /** Records that are somewhere more often than they should be. */
  readonly doubled: number
  /** Records that came out and had not gone in. */
  readonly unknown: number
}

export const isFaultless = ({ missing, doubled, unknown }: Faults): boolean =>
  missing === 0 && doubled === 0 && unknown === 0

export const faultsInWords = ({ missing, doubled, unknown }: Faults): string =>
  `NOT BALANCED: ${missing} missing, ${doubled} more than once, ${unknown} that nobody wrote.`
