import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { systemClock } from '../../core/clock.ts'
import { freePorts } from '../../dev/free-ports.ts'
import { formattedKafka, type FormattedKafka } from './formatted-kafka.fixture.ts'

const run = promisify(execFile)

export const alice = { username: 'alice', password: "alice's secret" }

/** Not signed: what the broker of the test takes, and no other should. */
export function unsignedToken(subject: string): string {
  const part = (claims: object): string => Buffer.from(JSON.stringify(claims)).toString('base64url')
  const seconds = Math.floor(systemClock.nowMs() / 1_000)
  const claims = { sub: subject, iat: seconds, exp: seconds + 3_600 }
  return `${part({ alg: 'none' })}.${part(claims)}.`
}

/** A broker with TLS and passwords, for `await using`. */
export interface SecuredKafka extends FormattedKafka {
  /** TLS, and any of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 and OAUTHBEARER with an unsigned token. */
  readonly saslSsl: string
  /** TLS that asks the client for a certificate too. */
  readonly mutualTls: string
  /** Of the authority that signed all certificates. */
  readonly ca: string
  readonly clientKey: string
  readonly clientCertificate: string
}

/** A client authenticates again before its session ends (KIP-368): kafkajs 10 s before. */
const SASL_SESSION_MS = 11_000

export async function securedKafka(): Promise<SecuredKafka> {
  const [saslSsl, mutualTls] = (await freePorts(2)) as [number, number]
  const credentials = `[name=${alice.username},password=${alice.password}]`
  let pems = { ca: '', clientKey: '', clientCertificate: '' }
  const kafka = await formattedKafka({
    args: [256, 512].flatMap((bits) => ['--add-scram', `SCRAM-SHA-${bits}=${credentials}`]),
    properties: async ({ client, controller }, folder) => {
      pems = await makeCertificates(folder)
      return securityProperties(folder, { client, controller, saslSsl, mutualTls })
    },
  })
  return {
    ...kafka,
    ...pems,
    saslSsl: `127.0.0.1:${saslSsl}`,
    mutualTls: `127.0.0.1:${mutualTls}`,
  }
}

/** An authority, a certificate for 127.0.0.1 and one for a client, in files and as texts. */
async function makeCertificates(folder: string) {
  const openssl = (...args: string[]) => run('openssl', args, { cwd: folder })
  const newKey = (name: string) => ['-newkey', 'rsa:2048', '-nodes', '-keyout', `${name}.key`]
  await openssl(
    'req',
    '-x509',
    ...newKey('ca'),
    '-out',
    'ca.pem',
    '-days',
    '1',
    '-subj',
    '/CN=test',
  )
  for (const name of ['server', 'client']) {
    const usage = `subjectAltName=IP:127.0.0.1,DNS:localhost`
    await writeFile(join(folder, `${name}.ext`), usage)
    await openssl('req', ...newKey(name), '-out', `${name}.csr`, '-subj', `/CN=${name}`)
    const signing = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '1']
    const files = ['-in', `${name}.csr`, '-out', `${name}.pem`, '-extfile', `${name}.ext`]
    await openssl('x509', '-req', ...signing, ...files)
  }
  const textOf = (name: string) => readFile(join(folder, name), 'utf8')
  const keystore = `${await textOf('server.key')}${await textOf('server.pem')}`
  await writeFile(join(folder, 'keystore.pem'), keystore)
  return {
    ca: await textOf('ca.pem'),
    clientKey: await textOf('client.key'),
    clientCertificate: await textOf('client.pem'),
  }
}

function securityProperties(
  folder: string,
  ports: Readonly<Record<'client' | 'controller' | 'saslSsl' | 'mutualTls', number>>,
): Record<string, string> {
  const clients = [
    `PLAINTEXT://127.0.0.1:${ports.client}`,
    `SASL_SSL://127.0.0.1:${ports.saslSsl}`,
    `MUTUAL://127.0.0.1:${ports.mutualTls}`,
  ]
  const modules = 'org.apache.kafka.common.security'
  const subject = 'unsecuredLoginStringClaim_sub="broker"'
  const jaas = {
    plain: `${modules}.plain.PlainLoginModule required user_alice="${alice.password}";`,
    'scram-sha-256': `${modules}.scram.ScramLoginModule required;`,
    'scram-sha-512': `${modules}.scram.ScramLoginModule required;`,
    oauthbearer: `${modules}.oauthbearer.OAuthBearerLoginModule required ${subject};`,
  }
  return {
    listeners: [...clients, `CONTROLLER://127.0.0.1:${ports.controller}`].join(','),
    'advertised.listeners': clients.join(','),
    'listener.security.protocol.map':
      'PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,MUTUAL:SSL,CONTROLLER:PLAINTEXT',
    'inter.broker.listener.name': 'PLAINTEXT',
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.location': join(folder, 'keystore.pem'),
    'ssl.truststore.type': 'PEM',
    'ssl.truststore.location': join(folder, 'ca.pem'),
    'listener.name.mutual.ssl.client.auth': 'required',
    'sasl.enabled.mechanisms': Object.keys(jaas).join(',').toUpperCase(),
    'connections.max.reauth.ms': String(SASL_SESSION_MS),
    ...Object.fromEntries(
      Object.entries(jaas).map(([mechanism, config]) => [
        `listener.name.sasl_ssl.${mechanism}.sasl.jaas.config`,
        config,
      ]),
    ),
  }
}
