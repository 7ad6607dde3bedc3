/** What proves who we are is in no log, error, answer or object, whatever happens. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../src/core/clock.ts'
import {
  alice,
  securedKafka,
  unsignedToken,
  type SecuredKafka,
} from '../src/kafka/kafkajs/secured-kafka.fixture.ts'
import { connectTo, createTopics, uniqueName, write } from './support/kafka-client.ts'
import { Project, start, type Finished } from './support/millrace-command.ts'

const WRONG = 'a-password-that-is-wrong'
const OF_REGISTRY = 'password-of-the-registry'
const IN_URL = 'password-in-an-address'
const name = uniqueName()

const counting = `
  import { json, string, topic, topology } from 'millrace'
  const clicks = topic('${name}.clicks', { key: string, value: json<number>() })
  const totals = topic('${name}.totals', { key: string, value: json<number>() })
  export default topology('${name}', (builder) => {
    builder.stream(clicks).groupByKey().count({ store: 'counts' }).toStream().to(totals)
  })`

const withSchema = `
  import { avro, string, topic, topology } from 'millrace'
  const schema = { type: 'record', name: 'Click', fields: [{ name: 'page', type: 'string' }] }
  const clicks = topic('${name}.clicks', { key: string, value: avro<{ page: string }>(schema) })
  export default topology('${name}', (builder) => builder.stream(clicks))`

/** Starts with options of its input, and shows all that a service can see of it. */
const service = `
  import { inspect } from 'node:util'
  import { start } from 'millrace'
  const { module, token, ...given } = JSON.parse(process.env.OPTIONS)
  const sasl = token === undefined ? given.sasl : { mechanism: 'oauthbearer', token: async () => token }
  const all = (value) => inspect(value, { depth: Infinity, showHidden: true, getters: true })
  const options = { ...given, ...(sasl && { sasl }), log: { level: 'debug' } }
  try {
    const app = await start(import.meta.resolve(module), options)
    await new Promise((resolve, reject) => {
      app.onStateChange((state) => state === 'running' && resolve())
      app.finished.catch(reject)
    })
    console.log(all(app), JSON.stringify(app), await app.metrics(), all(await app.snapshot()))
    await app.stop()
    console.log('stopped cleanly')
  } catch (error) {
    console.log('failed:', all(error), error.stack, JSON.stringify(error), error.code)
  }`

const project = new Project({
  'counting.ts': counting,
  'with-schema.ts': withSchema,
  'service.ts': service,
})
let kafka: SecuredKafka
beforeAll(async () => {
  kafka = await securedKafka()
  project.write('ca.pem', kafka.ca)
  project.write('client.pem', kafka.clientCertificate)
  project.write('client.key', kafka.clientKey)
  await using port = await connectTo(kafka.brokers)
  await createTopics(port, [`${name}.clicks`, `${name}.totals`], 1)
  await write(port, `${name}.clicks`, [['home', '1']])
})
afterAll(async () => {
  project[Symbol.dispose]()
  await kafka[Symbol.asyncDispose]()
})

/** Of a private key the first full line: it is like no other. */
const secrets = (): readonly string[] => [
  ...[alice.password, WRONG, OF_REGISTRY, IN_URL, unsignedToken('alice').split('.')[1] as string],
  kafka.clientKey.split('\n')[1] as string,
]

/** As they are, and as protocols and addresses write them. */
function expectNoSecretIn(...texts: readonly string[]): void {
  const text = texts.join('\n')
  for (const secret of secrets()) {
    const base64 = Buffer.from(secret).toString('base64').replaceAll('=', '')
    const plain = Buffer.from(`\0alice\0${secret}`).toString('base64').replaceAll('=', '')
    const basic = Buffer.from(`alice:${secret}`).toString('base64').replaceAll('=', '')
    const hex = Buffer.from(secret).toString('hex')
    const written = [secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret)]
    for (const form of [...written, base64, plain, basic, hex]) expect(text).not.toContain(form)
  }
}

const run = (options: readonly string[], environment: Readonly<Record<string, string>>) =>
  project.start(
    [
      'run',
      'counting.ts',
      '--verbose',
      '--log-level',
      'debug',
      '--session-timeout',
      '6s',
      ...options,
    ],
    { MILLRACE_BROKERS: kafka.saslSsl, MILLRACE_TLS_CA: 'ca.pem', ...environment },
  )

const asAlice = (password: string): Readonly<Record<string, string>> => ({
  MILLRACE_SASL_MECHANISM: 'scram-sha-512',
  MILLRACE_SASL_USERNAME: alice.username,
  MILLRACE_SASL_PASSWORD: password,
  MILLRACE_SCHEMA_REGISTRY: `http://someone:${IN_URL}@127.0.0.1:1`,
  MILLRACE_SCHEMA_REGISTRY_USERNAME: 'millrace',
  MILLRACE_SCHEMA_REGISTRY_PASSWORD: OF_REGISTRY,
})

test('an application that runs shows none of them, neither in its log nor over HTTP', async () => {
  await using app = run(['--http', '0'], asAlice(alice.password))
  await app.says('application running')
  const url = /"url":"([^"]+)"/.exec(app.stdout())?.[1] ?? ''
  const paths = ['health/live', 'health/ready', 'metrics', 'state', 'stores', 'stores/counts']
  const answers = await Promise.all(
    paths.map(async (path) => (await fetch(`${url}/${path}`)).text()),
  )
  app.signal('SIGTERM')
  const { code, stdout, stderr } = await app.finished
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toContain('"level":20')
  expectNoSecretIn(stdout, stderr, ...answers)
})

test('a client is known by the certificate and key of its files', async () => {
  const files = ['--tls-cert', 'client.pem', '--tls-key', 'client.key']
  await using app = run(files, { MILLRACE_BROKERS: kafka.mutualTls })
  await app.says('application running')
  app.signal('SIGTERM')
  const { code, stdout, stderr } = await app.finished
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expectNoSecretIn(stdout)
})

/** What cannot be right the next time is not tried again: it ends within seconds. */
test.each([
  ['a wrong password', [], asAlice(WRONG), 'BROKER_REFUSED', 'SASL'],
  [
    'a broker that nobody trusts',
    [],
    { ...asAlice(alice.password), MILLRACE_TLS_CA: '', MILLRACE_TLS: 'true' },
    'BROKER_REFUSED',
    'unable to verify the first certificate',
  ],
  [
    'no broker',
    ['--brokers', '127.0.0.1:1'],
    asAlice(alice.password),
    'BROKER_UNREACHABLE',
    'ECONNREFUSED',
  ],
  [
    'a host that there is not',
    ['--brokers', 'kafka.invalid:9092'],
    asAlice(alice.password),
    'BROKER_UNREACHABLE',
    'kafka.invalid',
  ],
  [
    'a certificate for a key',
    ['--tls-cert', 'client.pem', '--tls-key', 'client.pem'],
    { MILLRACE_BROKERS: '' },
    'INVALID_CONFIG',
    'TLS',
  ],
] as const)('%s is said at once, with every trace', async (_, options, env, code, words) => {
  const startedAtMs = systemClock.nowMs()
  const given = Object.fromEntries(Object.entries(env).map(([key, value]) => [key, value]))
  if (given['MILLRACE_BROKERS'] === '') given['MILLRACE_BROKERS'] = kafka.mutualTls
  await using app = run(options, given)
  const finished: Finished = await app.finished
  expect(finished.code).toBe(2)
  expect(finished.stderr).toMatch(new RegExp(`^error ${code}: .*${words}`))
  expect(systemClock.nowMs() - startedAtMs).toBeLessThan(20_000)
  expectNoSecretIn(finished.stdout, finished.stderr)
})

/** What a service of one's own sees. */
async function served(module: string, options: object): Promise<string> {
  const all = { brokers: [kafka.saslSsl], tls: { ca: kafka.ca }, sessionTimeout: '6s', ...options }
  const node = ['--conditions=millrace-source', 'service.ts']
  const env = { OPTIONS: JSON.stringify({ module, ...all }) }
  const { stdout, stderr } = await start(process.execPath, node, { cwd: project.folder, env })
    .finished
  return `${stdout}${stderr}`
}

test('objects and errors of a service hold none that can be printed', async () => {
  const sasl = { mechanism: 'plain', ...alice }
  const fine = await served('./counting.ts', { sasl, stateDir: 'state-1' })
  expect(fine).toContain('stopped cleanly')
  const wrong = await served('./counting.ts', { sasl: { ...sasl, password: WRONG } })
  expect(wrong).toContain('BROKER_REFUSED')
  const registry = {
    url: `http://someone:${IN_URL}@127.0.0.1:1`,
    username: 'alice',
    password: OF_REGISTRY,
  }
  const noRegistry = await served('./with-schema.ts', { sasl, schemaRegistry: registry })
  expect(noRegistry).toContain('REGISTRY_UNREACHABLE')
  expectNoSecretIn(fine, wrong, noRegistry)
})

test('threads ask the application for tokens, which no one prints', async () => {
  const token = unsignedToken('alice')
  const fine = await served('./counting.ts', { token, stateDir: 'state-2', threads: 2 })
  expect(fine).toContain('stopped cleanly')
  const bad = `${token.split('.').slice(0, 2).join('.')}.c2lnbmVk`
  const refused = await served('./counting.ts', { token: bad, stateDir: 'state-2' })
  expect(refused).toContain('BROKER_REFUSED')
  expectNoSecretIn(fine, refused)
})
