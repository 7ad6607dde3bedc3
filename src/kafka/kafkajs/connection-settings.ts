import { createSecureContext, type ConnectionOptions } from 'node:tls'
import { messageOf, StreamsError } from '../../core/errors.ts'

/** How to reach a cluster. */
export interface KafkaConnection {
  /** Bootstrap addresses, `host:port`; an IPv6 host stands in brackets. */
  readonly brokers: readonly string[]
  readonly clientId: string
  /** `true` for the certificate authorities that Node knows, or what `tls.connect` takes. */
  readonly tls?: boolean | ConnectionOptions
  readonly sasl?: SaslCredentials
  /** For a whole handshake: TCP, TLS, versions and SASL. 10 s by default. */
  readonly connectTimeoutMs?: number
  /** For an answer, beyond the time that a broker may hold it back on purpose. 30 s by default. */
  readonly requestTimeoutMs?: number
}

/** Who we are, to Kafka. */
export type SaslCredentials =
  | {
      readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'
      readonly username: string
      readonly password: string
    }
  | {
      readonly mechanism: 'oauthbearer'
      /** Asked for a token at every connection and re-authentication (KIP-368). */
      readonly token: () => Promise<string>
    }

export interface BrokerAddress {
  readonly host: string
  readonly port: number
}

/** {@link KafkaConnection}, checked and complete. */
export interface ConnectionSettings {
  readonly brokers: readonly BrokerAddress[]
  readonly clientId: string
  readonly tls: ConnectionOptions | null
  readonly sasl: SaslCredentials | null
  readonly connectTimeoutMs: number
  readonly requestTimeoutMs: number
}

const CONNECT_TIMEOUT_MS = 10_000
const REQUEST_TIMEOUT_MS = 30_000

/** Throws `INVALID_CONFIG` for what cannot be an address, a certificate or a key. */
export function connectionSettings(connection: KafkaConnection): ConnectionSettings {
  const { brokers, clientId, tls = false, sasl = null } = connection
  if (!Array.isArray(brokers) || brokers.length === 0) {
    throw new StreamsError('INVALID_CONFIG', {
      message: 'no brokers are given',
      hint: "Name at least one broker, for example 'localhost:9092'.",
    })
  }
  return {
    brokers: brokers.map(parseAddress),
    clientId,
    tls: tls === false ? null : checkedTls(tls === true ? {} : tls),
    sasl,
    connectTimeoutMs: connection.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    requestTimeoutMs: connection.requestTimeoutMs ?? REQUEST_TIMEOUT_MS,
  }
}

/** At every connection it would fail like a network that is away: it is found out at once. */
function checkedTls(tls: ConnectionOptions): ConnectionOptions {
  try {
    createSecureContext(tls)
    return tls
  } catch (cause) {
    throw new StreamsError('INVALID_CONFIG', {
      message: `the TLS options cannot be used: ${messageOf(cause)}`,
      hint: 'Give certificates and an unencrypted key (or its passphrase) in PEM format, and a key that belongs to the certificate.',
      cause,
    })
  }
}

function parseAddress(text: string): BrokerAddress {
  const match = /^(?:\[([0-9a-f:]+)\]|([^:/\s]+)):(\d{1,5})$/i.exec(text.trim())
  const port = Number(match?.[3])
  if (match === null || port > 65_535) {
    throw new StreamsError('INVALID_CONFIG', {
      message: `"${text}" is not the address of a broker`,
      hint: "Write host and port: 'localhost:9092', '10.0.0.1:9092' or '[::1]:9092'.",
    })
  }
  return { host: match[1] ?? match[2] ?? '', port }
}

export const addressText = ({ host, port }: BrokerAddress): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
