import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../core/clock.ts'
import { silentLogger } from '../../core/logger.ts'
import type { KafkaPort } from '../port.ts'
import type { KafkaConnection, SaslCredentials } from './connection-settings.ts'
import { kafkajsPort } from './kafkajs-port.ts'
import { alice, securedKafka, unsignedToken, type SecuredKafka } from './secured-kafka.fixture.ts'

let kafka: SecuredKafka
beforeAll(async () => {
  kafka = await securedKafka()
})
afterAll(() => kafka[Symbol.asyncDispose]())

const portWith = (connection: Partial<KafkaConnection>): KafkaPort & AsyncDisposable => {
  const port = kafkajsPort(
    { brokers: [], clientId: 'test', ...connection },
    { logger: silentLogger, clock: systemClock },
  )
  return { ...port, [Symbol.asyncDispose]: port.close }
}

const trusted = () => ({ ca: kafka.ca })

const mechanisms: readonly SaslCredentials[] = [
  { mechanism: 'plain', ...alice },
  { mechanism: 'scram-sha-256', ...alice },
  { mechanism: 'scram-sha-512', ...alice },
  { mechanism: 'oauthbearer', token: () => Promise.resolve(unsignedToken('alice')) },
]

describe('a secured cluster', () => {
  test.each(mechanisms)(
    'lets $mechanism over TLS in, on connections of every kind',
    async (sasl) => {
      await using port = portWith({ brokers: [kafka.saslSsl], tls: trusted(), sasl })
      await port.connect()
      const topic = `of-${sasl.mechanism}`
      await port.createTopics([{ name: topic, partitions: 1, replicationFactor: 1, configs: {} }])
      const leader = (await port.metadata([topic])).get(topic)!.partitions[0]!.leader
      const [fetched] = await port.fetch(
        leader,
        [{ topic, partition: 0, offset: 0, maxBytes: 1_000 }],
        { isolation: 'read_committed', maxWaitMs: 0, minBytes: 0, maxBytes: 1_000 },
      )
      expect(fetched).toMatchObject({ topic, partition: 0, error: null, highWatermark: 0 })
      const member = { groupId: topic, memberId: 'nobody', generation: 1, instanceId: null }
      // A group of which nobody has heard: an answer is proof of the connection.
      await expect
        .poll(() => port.heartbeat(member).catch((error: unknown) => error))
        .toMatchObject({ code: 'UNKNOWN_MEMBER_ID' })
    },
  )

  test.each(mechanisms.filter(({ mechanism }) => mechanism !== 'oauthbearer'))(
    'turns a wrong $mechanism password away for good',
    async ({ mechanism }) => {
      const sasl = { mechanism, username: alice.username, password: 'guessed' } as SaslCredentials
      await using port = portWith({ brokers: [kafka.saslSsl], tls: trusted(), sasl })
      await expect(port.connect()).rejects.toThrow(
        expect.objectContaining({ code: 'SASL_AUTHENTICATION_FAILED', kind: 'fatal' }),
      )
    },
  )

  test('is asked again later when there is no token now', async () => {
    const token = () => Promise.reject(new Error('the identity provider is away'))
    const sasl = { mechanism: 'oauthbearer', token } as const
    await using port = portWith({ brokers: [kafka.saslSsl], tls: trusted(), sasl })
    await expect(port.connect()).rejects.toThrow(
      expect.objectContaining({
        code: 'SASL_TOKEN_UNAVAILABLE',
        kind: 'retriable',
        message: 'no OAuth token was given: the identity provider is away',
      }),
    )
  })

  test('is shown a fresh token before a session ends, without a request lost', async () => {
    let tokens = 0
    const token = () => {
      tokens += 1
      return Promise.resolve(unsignedToken('alice'))
    }
    const sasl = { mechanism: 'oauthbearer', token } as const
    await using port = portWith({ brokers: [kafka.saslSsl], tls: trusted(), sasl })
    await port.connect()
    const tokensAfterARequest = async (): Promise<number> => {
      await port.metadata([])
      return tokens
    }
    expect(await tokensAfterARequest()).toBe(1)
    await expect.poll(tokensAfterARequest, { timeout: 10_000 }).toBe(2)
  })

  test('is not believed when a stranger signed its certificate', async () => {
    const sasl = { mechanism: 'plain', ...alice } as const
    await using port = portWith({ brokers: [kafka.saslSsl], tls: true, sasl })
    await expect(port.connect()).rejects.toThrow(
      expect.objectContaining({ code: 'TLS_HANDSHAKE_FAILED', kind: 'fatal' }),
    )
  })

  test('knows a client by its certificate', async () => {
    const { ca, clientKey: key, clientCertificate: cert } = kafka
    await using port = portWith({ brokers: [kafka.mutualTls], tls: { ca, key, cert } })
    await port.connect()
    expect(await port.metadata(['nothing'])).toEqual(new Map())
  })

  test('turns a client without a certificate away for good', async () => {
    await using port = portWith({ brokers: [kafka.mutualTls], tls: trusted() })
    await expect(port.connect()).rejects.toThrow(
      expect.objectContaining({ code: 'TLS_HANDSHAKE_FAILED', kind: 'fatal' }),
    )
  })

  test('closes on who speaks without TLS or SASL, who is told what to look at', async () => {
    await using plain = portWith({ brokers: [kafka.saslSsl] })
    await expect(plain.connect()).rejects.toThrow('does this listener want TLS or SASL?')
    await using unnamed = portWith({ brokers: [kafka.saslSsl], tls: trusted() })
    await expect(unnamed.connect()).rejects.toThrow('does this listener want TLS or SASL?')
  })
})
