import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { systemClock } from '../../core/clock.ts'
import { isServing } from '../../dev/broker-probe.ts'
import { temporaryFolder } from '../../dev/environment.ts'
import { freePorts } from '../../dev/free-ports.ts'
import {
  javaFlags,
  kafkaDistribution,
  type KafkaDistribution,
} from '../../dev/kafka-distribution.ts'
import { kafkaUuid, nodeProperties } from '../../dev/kafka-nodes.ts'

const run = promisify(execFile)
const START_MS_MAX = 60_000
const START_PAUSE_MS = 100

export const alice = { username: 'alice', password: "alice's secret" }

/** A broker with TLS and passwords, for `await using`. */
export interface SecuredKafka extends AsyncDisposable {
  readonly plaintext: string
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
  const folder = await mkdtemp(join(temporaryFolder(), 'millrace-secured-'))
  const kafka = await kafkaDistribution(() => {})
  const [plaintext, saslSsl, mutualTls, controller] = (await freePorts(4)) as [
    number,
    number,
    number,
    number,
  ]
  const pems = await makeCertificates(folder)
  const clusterId = kafkaUuid()
  const ports = [{ client: plaintext, controller }]
  const properties = {
    ...nodeProperties(folder, 0, ports),
    ...securityProperties(folder, { plaintext, saslSsl, mutualTls, controller }),
  }
  const file = join(folder, 'server.properties')
  await writeFile(
    file,
    Object.entries(properties)
      .map((each) => `${each.join('=')}\n`)
      .join(''),
  )
  await format(kafka, file, clusterId)
  const log = join(folder, 'kafka.log')
  const stop = start(kafka, file, log)
  if (!(await serves(plaintext, clusterId))) {
    await stop()
    throw new Error(`the secured broker did not start:\n${await readFile(log, 'utf8')}`)
  }
  return {
    plaintext: `127.0.0.1:${plaintext}`,
    saslSsl: `127.0.0.1:${saslSsl}`,
    mutualTls: `127.0.0.1:${mutualTls}`,
    ...pems,
    [Symbol.asyncDispose]: async () => {
      await stop()
      await rm(folder, { recursive: true, force: true })
    },
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
  ports: Readonly<Record<'plaintext' | 'saslSsl' | 'mutualTls' | 'controller', number>>,
): Record<string, string> {
  const clients = [
    `PLAINTEXT://127.0.0.1:${ports.plaintext}`,
    `SASL_SSL://127.0.0.1:${ports.saslSsl}`,
    `MUTUAL://127.0.0.1:${ports.mutualTls}`,
  ]
  const modules = 'org.apache.kafka.common.security'
  const jaas = {
    plain: `${modules}.plain.PlainLoginModule required user_alice="${alice.password}";`,
    'scram-sha-256': `${modules}.scram.ScramLoginModule required;`,
    'scram-sha-512': `${modules}.scram.ScramLoginModule required;`,
    oauthbearer: `${modules}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";`,
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

const javaArgs = (kafka: KafkaDistribution): readonly string[] => [
  ...javaFlags,
  '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
  '-cp',
  kafka.classPath,
]

/** By Kafka's own tool, for it alone can give the first users of SCRAM. */
async function format(kafka: KafkaDistribution, file: string, clusterId: string): Promise<void> {
  const credentials = `[name=${alice.username},password=${alice.password}]`
  const users = [256, 512].flatMap((bits) => ['--add-scram', `SCRAM-SHA-${bits}=${credentials}`])
  const tool = ['kafka.tools.StorageTool', 'format', '-t', clusterId, '-c', file, ...users]
  await run(kafka.java, [...javaArgs(kafka), ...tool])
}

/** Ends when told to, and when this process is killed: then the shell's input ends. */
function start(kafka: KafkaDistribution, file: string, log: string): () => Promise<void> {
  const script = '"$@" </dev/null & read -r _; kill -9 $!; wait'
  const output = openSync(log, 'w')
  const shell = spawn(
    'sh',
    ['-c', script, 'sh', kafka.java, ...javaArgs(kafka), 'kafka.Kafka', file],
    { stdio: ['pipe', output, output] },
  )
  closeSync(output)
  const ended = once(shell, 'exit')
  return async () => {
    shell.stdin?.end()
    await ended
  }
}

async function serves(port: number, clusterId: string): Promise<boolean> {
  const deadlineMs = systemClock.nowMs() + START_MS_MAX
  while (systemClock.nowMs() < deadlineMs) {
    if (await isServing(port, 1, clusterId, 1)) return true
    await systemClock.sleep(START_PAUSE_MS)
  }
  return false
}
