import { StreamsError } from '../../core/errors.ts'
import type { StoreSpec } from '../store-spec.ts'

/** The topic in Kafka that a store logs to, named as Kafka Streams names it. */
export const changelogTopic = (applicationId: string, store: string): string =>
  `${applicationId}-${store}-changelog`

/**
 * What the changelog is created with: Kafka Streams' defaults, then the store's own. A policy
 * without `compact` would lose rows that nobody deleted, and throws `INVALID_TOPOLOGY`.
 */
export function changelogConfigs(store: StoreSpec): Readonly<Record<string, string>> {
  const configs = {
    'cleanup.policy': 'compact',
    ...retention(store),
    // Restored records keep the time of the update, whatever the broker's default is.
    'message.timestamp.type': 'CreateTime',
    ...store.changelogConfigs,
  }
  if (!configs['cleanup.policy'].split(',').includes('compact')) {
    throw new StreamsError('INVALID_TOPOLOGY', {
      message: `the changelog of store "${store.name}" is configured with cleanup.policy=${configs['cleanup.policy']}`,
      hint: 'Leave cleanup.policy out, or use "compact": a changelog must keep the last value of every key.',
    })
  }
  return configs
}

/** Kafka Streams' `windowstore.changelog.additional.retention.ms`: clocks differ, producers lag. */
const RETENTION_MARGIN_MS = 86_400_000

/** What has expired in a window or session store goes from its changelog too. */
const retention = (store: StoreSpec): Readonly<Record<string, string>> =>
  store.kind === 'key-value' || store.retentionMs === Number.MAX_SAFE_INTEGER
    ? {}
    : {
        'cleanup.policy': 'compact,delete',
        'retention.ms': String(store.retentionMs + RETENTION_MARGIN_MS),
      }
