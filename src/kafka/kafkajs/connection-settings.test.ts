import { expect, test } from 'vitest'
import { isStreamsError } from '../../core/errors.ts'
import { connectionSettings, type KafkaConnection } from './connection-settings.ts'

const settingsWith = (options: Partial<KafkaConnection>) =>
  connectionSettings({ brokers: ['localhost:9092'], clientId: 'test', ...options })

const pem = (kind: string, content: string): string =>
  `-----BEGIN ${kind}-----\n${content}\n-----END ${kind}-----\n`
const SECRET = 'bm8gb25lIG1heSByZWFkIHRoaXM'

test.each([
  ['no brokers', { brokers: [] }],
  ['brokers as one text', { brokers: 'localhost:9092' as unknown as readonly string[] }],
  ['a host without a port', { brokers: ['localhost'] }],
  ['a port that there is not', { brokers: ['localhost:70000'] }],
  ['an address with a scheme', { brokers: ['kafka://localhost:9092'] }],
  ['a certificate that is none', { tls: { cert: pem('CERTIFICATE', SECRET) } }],
  ['a key that is none', { tls: { key: pem('PRIVATE KEY', SECRET) } }],
  ['a file name for a key', { tls: { key: './client.key' } }],
])('%s is refused before anything connects, without the secret', (_, options) => {
  let refusal: unknown
  try {
    settingsWith(options)
  } catch (error) {
    refusal = error
  }
  expect(refusal).toMatchObject({ code: 'INVALID_CONFIG', hint: expect.stringMatching(/\.$/) })
  expect(isStreamsError(refusal) && refusal.message).not.toContain(SECRET)
})

test('TLS is off, on, or what it is told to be', () => {
  expect(settingsWith({}).tls).toBeNull()
  expect(settingsWith({ tls: true }).tls).toEqual({})
  expect(settingsWith({ tls: { servername: 'kafka' } }).tls).toEqual({ servername: 'kafka' })
})
