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

/**
 * Clocks differ, producers lag: a day, as in Kafka Streams
 * (`windowstore.changelog.additional.retention.ms` is what it has of window stores).
 */
const MARGIN_MS = 86_400_000

/**
 * What has expired in a window or session store goes from its changelog too. Of a versioned store
 * compaction leaves all versions of a key until they are out of the history.
 */
function retention(store: StoreSpec): Readonly<Record<string, string>> {
  switch (store.kind) {
    case 'key-value':
    case 'timers':
      return {}
    case 'versioned':
      return { 'min.compaction.lag.ms': String(withMargin(store.historyMs)) }
    case 'window':
    case 'session':
      return store.retentionMs === Number.MAX_SAFE_INTEGER
        ? {}
        : {
            'cleanup.policy': 'compact,delete',
            'retention.ms': String(withMargin(store.retentionMs)),
          }
  }
}

const withMargin = (ms: number): number => Math.min(ms + MARGIN_MS, Number.MAX_SAFE_INTEGER)
