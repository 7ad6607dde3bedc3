/** Types of what is given to `start` and of what an application tells. */
export type { Health } from './health.ts'
export type { LogOptions } from './pino-logger.ts'
export type { SaslCredentials } from '../kafka/kafkajs/connection-settings.ts'
export type { Compression } from '../kafka/port.ts'
export type { Guarantee } from '../runtime/thread/thread-config.ts'
export type { ThreadSnapshot } from '../runtime/thread/thread-snapshot.ts'
export type { SchemaRegistryConnection } from '../serde/registry/confluent-registry.ts'
