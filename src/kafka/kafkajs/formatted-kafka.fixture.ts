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

export interface FormattedKafka extends AsyncDisposable {
  readonly brokers: readonly string[]
}

export interface KafkaFormat {
  /** For Kafka's formatting tool: features, first users. */
  readonly args: readonly string[]
  /** Beside those of the embedded Kafka; told the ports of its listeners and its folder. */
  readonly properties?: (
    ports: { readonly client: number; readonly controller: number },
    folder: string,
  ) => Promise<Record<string, string>>
}

/**
 * One broker, formatted by Kafka's own tool: for what the embedded Kafka, which is started from a
 * snapshot made in advance, cannot be given.
 */
export async function formattedKafka(format: KafkaFormat): Promise<FormattedKafka> {
  const folder = await mkdtemp(join(temporaryFolder(), 'millrace-formatted-'))
  const kafka = await kafkaDistribution(() => {})
  const [client, controller] = (await freePorts(2)) as [number, number]
  const properties = {
    ...nodeProperties(folder, 0, [{ client, controller }]),
    ...(await format.properties?.({ client, controller }, folder)),
  }
  const file = join(folder, 'server.properties')
  await writeFile(
    file,
    Object.entries(properties)
      .map((each) => `${each.join('=')}\n`)
      .join(''),
  )
  const clusterId = kafkaUuid()
  const tool = ['kafka.tools.StorageTool', 'format', '-t', clusterId, '-c', file, ...format.args]
  await run(kafka.java, [...javaArgs(kafka), ...tool])
  const log = join(folder, 'kafka.log')
  const stop = start(kafka, file, log)
  if (!(await serves(client, clusterId))) {
    await stop()
    throw new Error(`the broker did not start:\n${await readFile(log, 'utf8')}`)
  }
  return {
    brokers: [`127.0.0.1:${client}`],
    [Symbol.asyncDispose]: async () => {
      await stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

const javaArgs = (kafka: KafkaDistribution): readonly string[] => [
  ...javaFlags,
  '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
  '-cp',
  kafka.classPath,
]

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
