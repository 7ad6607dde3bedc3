import type { Clock } from '../../core/clock.ts'
import type { Logger } from '../../core/logger.ts'
import type { Capabilities, KafkaPort } from '../port.ts'
import { adminCalls } from './admin-calls.ts'
import { Cluster } from './cluster.ts'
import { connectionSettings, type KafkaConnection } from './connection-settings.ts'
import { groupCalls } from './group-calls.ts'
import { notConnected } from './kafkajs-errors.ts'
import { partitionCalls } from './partition-calls.ts'
import { transactionCalls } from './transaction-calls.ts'

export type { KafkaConnection, SaslCredentials } from './connection-settings.ts'

export interface KafkajsPortDeps {
  readonly logger: Logger
  readonly clock: Clock
}

/**
 * A real cluster, Kafka 2.5 or later, reached over kafkajs' connections. Opens no socket before
 * `connect`; after that, a connection that broke is made again by the next request that needs it.
 * Throws `INVALID_CONFIG` where a broker's address cannot be one.
 */
export function kafkajsPort(connection: KafkaConnection, deps: KafkajsPortDeps): KafkaPort {
  const settings = connectionSettings(connection)
  const cluster = new Cluster({ settings, ...deps })
  let known: Capabilities | undefined
  // Fixed for our life: one transaction must not mix the two protocols.
  const capabilities = (): Capabilities => {
    if (known === undefined) throw notConnected()
    return known
  }
  return {
    connect: async () => {
      const version = await cluster.connect()
      known = { transactionVersion: version >= 2 ? 2 : 1 }
    },
    close: () => {
      cluster.close()
      return Promise.resolve()
    },
    capabilities,
    ...partitionCalls(cluster, capabilities),
    ...transactionCalls(cluster, capabilities),
    ...groupCalls(cluster),
    ...adminCalls(cluster, { ...deps, timeoutMs: settings.requestTimeoutMs }),
  }
}
