import type { Clock } from '../../core/clock.ts'
import { fetchCommittedOffsets } from '../../kafka/client/offsets.ts'
import type { KafkaPort } from '../../kafka/port.ts'
import { RedrivenOffsets } from './redriven-offsets.ts'

/** An open transaction over the offsets is waited for as long as it may live. */
const STABLE = { timeoutMs: 120_000 }

/** The group under which a redrive remembers what it has sent; it never has members. */
export const redriveGroup = (deadLetterTopic: string, id: string | undefined): string =>
  id === undefined ? `${deadLetterTopic}-redrive` : `${deadLetterTopic}-redrive-${id}`

/** What was sent so far, by partition of the dead-letter topic. */
export async function readRedriven(
  port: KafkaPort,
  clock: Clock,
  deadLetterTopic: string,
  partitions: readonly number[],
  group: string,
): Promise<ReadonlyMap<number, RedrivenOffsets>> {
  const asked = partitions.map((partition) => ({ topic: deadLetterTopic, partition }))
  const committed = await fetchCommittedOffsets(port, clock, group, asked, STABLE)
  return new Map(
    committed.map(({ partition, offset, metadata }) => [
      partition,
      RedrivenOffsets.from(offset ?? 0, metadata),
    ]),
  )
}
