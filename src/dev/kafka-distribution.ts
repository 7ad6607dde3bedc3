import { createHash, randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { copyFile, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { systemClock } from '../core/clock.ts'
import { StreamsError } from '../core/errors.ts'
import { cacheFolder, javaCommand } from './environment.ts'
import { kafkaUuid } from './kafka-nodes.ts'
import { withLock } from './lock.mjs'
import { runProgram } from './run-program.ts'

/** Kafka's jars on this machine and what starts them. */
export interface KafkaDistribution {
  readonly version: string
  readonly java: string
  readonly classPath: string
  /** The first metadata snapshot, without which transaction.version and group.version stay 0. */
  readonly checkpoint: string
  /** Kafka's classes as the JVM keeps them in memory; halves the start. May not exist yet. */
  readonly classArchive: string
}

/** One short-lived broker with little data: start fast, stay small. */
export const javaFlags = [
  '-Xms64m',
  '-Xmx512m',
  '-XX:TieredStopAtLevel=1',
  '-XX:+UseSerialGC',
  '-Xshare:auto',
  '-Xlog:disable',
  '-Djava.awt.headless=true',
] as const

// The same path from src/dev and from dist/dev, so that the package ships the file once.
const pom = fileURLToPath(new URL('../../src/dev/pom.xml', import.meta.url))

export const JAVA_MIN = 17
const DOWNLOAD_MS_MAX = 600_000
const LEFTOVER_MS = 3_600_000

/** What is missing on this machine, in words; `undefined` when the distribution can be had. */
export async function missingForJavaKafka(): Promise<string | undefined> {
  const java = await javaVersion()
  if (java === undefined) return 'no Java is installed'
  if (java.major < JAVA_MIN) return `Java ${java.major} is older than ${JAVA_MIN}`
  if (existsSync(await preparedFolder())) return undefined
  const maven = await runProgram('mvn', ['--version'], 30_000)
  return maven.exitCode === 0 ? undefined : 'no Maven is installed'
}

/**
 * Kafka's jars, resolved by Maven into the user's cache at the first call and read from there ever
 * after, without a network. Safe to call from several processes, and to be killed half way.
 */
export async function kafkaDistribution(
  onProgress: (line: string) => void,
): Promise<KafkaDistribution> {
  const folder = await preparedFolder()
  if (!existsSync(folder)) {
    await withLock(cacheFolder(), 'kafka-download', DOWNLOAD_MS_MAX, async () => {
      if (!existsSync(folder)) await prepare(folder, onProgress)
    })
  }
  const java = await javaVersion()
  const classPath = await classPathOf(join(folder, 'libs'))
  // An archive only fits the JVM, the flags and the jar paths it was made with.
  const archiveName = createHash('sha256')
    .update(JSON.stringify([java?.text, javaFlags, classPath, process.arch]))
    .digest('hex')
    .slice(0, 16)
  return {
    version: await kafkaVersion(),
    java: javaCommand(),
    classPath,
    checkpoint: join(folder, 'bootstrap.checkpoint'),
    classArchive: join(folder, `classes-${archiveName}.jsa`),
  }
}

export async function kafkaVersion(): Promise<string> {
  const match = /<kafka\.version>([^<]+)</.exec(await readFile(pom, 'utf8'))
  if (match?.[1] === undefined) throw new Error('assertion failed: pom.xml pins kafka.version')
  return match[1]
}

const preparedFolder = async (): Promise<string> =>
  join(cacheFolder(), `kafka-${await kafkaVersion()}`)

export async function javaVersion(): Promise<{ major: number; text: string } | undefined> {
  const { exitCode, output } = await runProgram(javaCommand(), ['-version'], 30_000)
  const match = /version "(\d+)/.exec(output)
  if (exitCode !== 0 || match === null) return undefined
  return { major: Number(match[1]), text: output }
}

/** In a fixed order: the class archive is bound to it. */
const classPathOf = async (libs: string): Promise<string> =>
  (await readdir(libs))
    .filter((file) => file.endsWith('.jar'))
    .sort()
    .map((file) => join(libs, file))
    .join(':')

/** Fills a folder beside the real one and renames it: `folder` is whole or not there. */
async function prepare(folder: string, onProgress: (line: string) => void): Promise<void> {
  await removeLeftovers()
  const partial = `${folder}.partial-${randomBytes(6).toString('hex')}`
  await mkdir(partial, { recursive: true })
  try {
    await download(join(partial, 'libs'), onProgress)
    await makeCheckpoint(partial)
    await rename(partial, folder)
  } catch (error) {
    // ENOTEMPTY: another process was faster, and its folder is as good as ours.
    if (!existsSync(folder)) throw error
  } finally {
    await rm(partial, { recursive: true, force: true })
  }
}

async function download(libs: string, onProgress: (line: string) => void): Promise<void> {
  const version = await kafkaVersion()
  onProgress(`fetching Kafka ${version} with Maven (43 MB, only the first time)`)
  const goal = 'dependency:copy-dependencies'
  const result = await runProgram(
    'mvn',
    ['-B', '-q', '-f', pom, goal, '-DincludeScope=runtime', `-DoutputDirectory=${libs}`],
    DOWNLOAD_MS_MAX,
  )
  if (result.exitCode === 0) return
  const reason = result.output.split('\n').find((line) => line.includes('ERROR')) ?? result.output
  throw new StreamsError('KAFKA_UNAVAILABLE', {
    message: `Maven could not fetch Kafka ${version}: ${reason.trim()}`,
    hint: 'Check the network and the mirrors in the settings of Maven, or set KAFKA_BROKERS.',
  })
}

/**
 * Kafka's own formatting tool writes the features of this version into a first metadata snapshot.
 * It names no node, so it is made once and copied into every new data folder: that spares a second
 * JVM at each start.
 */
async function makeCheckpoint(folder: string): Promise<void> {
  const data = join(folder, 'formatted')
  const properties = join(folder, 'format.properties')
  await writeFile(
    properties,
    [
      'process.roles=broker,controller',
      'node.id=1',
      'controller.quorum.voters=1@127.0.0.1:9093',
      'listeners=PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093',
      'controller.listener.names=CONTROLLER',
      `log.dirs=${data}`,
    ].join('\n'),
  )
  const classPath = await classPathOf(join(folder, 'libs'))
  const tool = ['kafka.tools.StorageTool', 'format', '-t', kafkaUuid(), '-c', properties]
  const args = [...javaFlags, '-cp', classPath, ...tool]
  const { exitCode, output } = await runProgram(javaCommand(), args, 60_000)
  if (exitCode !== 0) {
    throw new StreamsError('KAFKA_UNAVAILABLE', {
      message: `Kafka's storage tool failed: ${output.trim().split('\n').at(-1) ?? ''}`,
      hint: 'Try another Java (17 or newer), or set KAFKA_BROKERS to a Kafka that runs.',
    })
  }
  const made = '__cluster_metadata-0/00000000000000000000-0000000000.checkpoint'
  await copyFile(join(data, made), join(folder, 'bootstrap.checkpoint'))
  await rm(data, { recursive: true })
  await rm(properties)
}

/** What killed downloads left behind. */
async function removeLeftovers(): Promise<void> {
  for (const file of await readdir(cacheFolder())) {
    if (!file.includes('.partial-')) continue
    const path = join(cacheFolder(), file)
    const { mtimeMs } = await stat(path)
    if (systemClock.nowMs() - mtimeMs > LEFTOVER_MS) await rm(path, { recursive: true })
  }
}
