import type { KafkajsSasl } from 'kafkajs/src/network/connection.js'
import { messageOf } from '../../core/errors.ts'
import { KafkaError } from '../port.ts'
import type { SaslCredentials } from './connection-settings.ts'

/** In kafkajs' terms; a new object each time, because kafkajs keeps its own things in it. */
export function kafkajsSasl(sasl: SaslCredentials | null): KafkajsSasl | null {
  if (sasl === null) return null
  if (sasl.mechanism !== 'oauthbearer') return { ...sasl }
  return {
    mechanism: sasl.mechanism,
    oauthBearerProvider: async () => {
      try {
        return { value: await sasl.token() }
      } catch (cause) {
        const message = `no OAuth token was given: ${messageOf(cause)}`
        throw new KafkaError('SASL_TOKEN_UNAVAILABLE', 'retriable', message, { cause })
      }
    },
  }
}
