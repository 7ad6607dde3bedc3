import type { Clock } from '../core/clock.ts'
import { StreamsError } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import { kafkajsPort, type KafkaConnection } from '../kafka/kafkajs/kafkajs-port.ts'
import { KafkaError, type KafkaPort } from '../kafka/port.ts'

export interface ConnectionOptions {
  /** `host:port` of one or more brokers to begin with. */
  readonly brokers: readonly string[]
  /** Our name in the brokers' logs and quotas. */
  readonly clientId?: string
  readonly tls?: KafkaConnection['tls']
  readonly sasl?: KafkaConnection['sasl']
}

export function connectionOf(options: ConnectionOptions, defaultClientId: string): KafkaConnection {
  const { brokers, clientId = defaultClientId, tls, sasl } = options
  if (!Array.isArray(brokers) || brokers.length === 0) {
    throw new StreamsError('INVALID_CONFIG', {
      message: 'no brokers are given',
      hint: "Name at least one: `brokers: ['localhost:9092']`, --brokers or MILLRACE_BROKERS.",
    })
  }
  return {
    brokers,
    clientId,
    ...(tls === undefined ? {} : { tls }),
    ...(sasl === undefined ? {} : { sasl }),
  }
}

/** A connected port; a wrong address is `BROKER_UNREACHABLE`, a refusal `BROKER_REFUSED`. */
export async function connect(
  options: ConnectionOptions,
  defaultClientId: string,
  logger: Logger,
  clock: Clock,
): Promise<KafkaPort> {
  const connection = connectionOf(options, defaultClientId)
  const port = kafkajsPort(connection, { logger, clock })
  try {
    await port.connect()
    return port
  } catch (error) {
    await port.close()
    if (!(error instanceof KafkaError)) throw error
    const unreachable = error.kind === 'network'
    throw new StreamsError(unreachable ? 'BROKER_UNREACHABLE' : 'BROKER_REFUSED', {
      message: unreachable
        ? unreachableAt(connection.brokers, error.message)
        : `the brokers refuse the connection: ${error.message}`,
      hint: unreachable
        ? 'Start Kafka (`millrace kafka start` for a local one) or check --brokers.'
        : hintFor(error),
      cause: error,
    })
  }
}

const hintFor = ({ code }: KafkaError): string =>
  code === 'TLS_HANDSHAKE_FAILED'
    ? "Trust the authority that signed the brokers' certificates (--tls-ca, `tls: { ca }`), reach them by a name that is in those, and show a certificate where they ask for one (--tls-cert, --tls-key)."
    : 'Check the user, the password and the TLS settings.'

/** With each reason once: the port's message names the only broker twice. */
function unreachableAt(brokers: readonly string[], message: string): string {
  const fact = `no broker answers at ${brokers.join(', ')}`
  const reasons = message.replace(`${fact}: `, '')
  return `${fact} (${brokers.length === 1 ? reasons.replace(`${brokers[0]}: `, '') : reasons})`
}
