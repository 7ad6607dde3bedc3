import { messageOf } from '../../core/errors.ts'
import { KafkaError } from '../port.ts'
import { kafkaErrorFrom } from '../wire/error-codes.ts'

/** No connection, a broken one, or no answer in time. */
export const networkError = (message: string, cause?: unknown): KafkaError =>
  new KafkaError('NETWORK', 'network', message, { cause })

export const notConnected = (): KafkaError =>
  new KafkaError('NOT_CONNECTED', 'fatal', 'connect comes before any request')

/** Node's and OpenSSL's codes for a certificate or protocol that no second attempt makes right. */
const tlsProblem =
  /CERT|SELF_SIGNED|UNABLE_TO_(?:GET|VERIFY)|ALTNAME|HOSTNAME|INVALID_(?:CA|PURPOSE)|ERR_SSL|EPROTO/

/** What kafkajs, or a decoder of ours, threw while it talked to a broker. */
export function kafkaErrorOf(error: unknown, broker: string): KafkaError {
  if (error instanceof KafkaError) return error
  const { name, code } = error as { readonly name?: unknown; readonly code?: unknown }
  const message = messageOf(error)
  if (name === 'KafkaJSProtocolError' && typeof code === 'number') {
    return kafkaErrorFrom(code, `authenticating with ${broker}`, message)
  }
  if (name === 'KafkaJSSASLAuthenticationError') {
    return new KafkaError('SASL_AUTHENTICATION_FAILED', 'fatal', `${broker}: ${message}`, {
      cause: error,
    })
  }
  if (typeof code === 'string' && tlsProblem.test(code)) {
    return new KafkaError('TLS_HANDSHAKE_FAILED', 'fatal', `${broker}: ${message}`, {
      cause: error,
    })
  }
  if (error instanceof RangeError || error instanceof TypeError) {
    return new KafkaError('UNREADABLE_ANSWER', 'fatal', `${broker}: ${message}`, { cause: error })
  }
  return networkError(`${broker}: ${message}`, error)
}
