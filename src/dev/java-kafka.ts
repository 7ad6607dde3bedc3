import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { randomBytes } from 'node:crypto'
import { systemClock } from '../core/clock.ts'
import { messageOf } from '../core/errors.ts'
import { temporaryFolder } from './environment.ts'
import { forkSupervisor } from './fork-supervisor.ts'
import { freePorts } from './free-ports.ts'
import { javaFlags, kafkaDistribution, type KafkaDistribution } from './kafka-distribution.ts'
import { formatNodes, kafkaUuid, propertiesFile } from './kafka-nodes.ts'
import { DATA_FOLDER_PREFIX, sweepLeftovers } from './leftovers.ts'
import type { KafkaOptions } from './running-kafka.ts'
import {
  brokerReady,
  SupervisedKafka,
  tellSupervisor,
  type SupervisedCluster,
} from './supervised-kafka.ts'
import { command, specFile, type ClusterSpec } from './supervisor-control.ts'

/** Two starts may pick the same port at the same moment; three in a row do not. */
const ATTEMPTS_MAX = 5

/** A cluster of JVMs on this machine, ended together with this process. */
export async function startJavaKafka(options: KafkaOptions): Promise<SupervisedKafka> {
  return new SupervisedKafka(await startSupervised(options), true)
}

export async function startSupervised(options: KafkaOptions): Promise<SupervisedCluster> {
  const onProgress = options.onProgress ?? (() => {})
  const distribution = await kafkaDistribution(onProgress)
  await sweepLeftovers()
  onProgress(`starting Kafka ${distribution.version}`)
  const startedMs = systemClock.nowMs()
  for (let attempt = 1; ; attempt += 1) {
    try {
      const cluster = await tryToStart(distribution, options)
      const seconds = ((systemClock.nowMs() - startedMs) / 1000).toFixed(1)
      onProgress(`Kafka is ready on ${cluster.brokers.join(', ')} after ${seconds} s`)
      return cluster
    } catch (error) {
      const portTaken = /Address already in use/i.test(messageOf(error))
      if (!portTaken || attempt === ATTEMPTS_MAX) throw error
    }
  }
}

async function tryToStart(
  distribution: KafkaDistribution,
  options: KafkaOptions,
): Promise<SupervisedCluster> {
  const count = options.brokers ?? 1
  const free = await freePorts(2 * count)
  const ports = Array.from({ length: count }, (_, i) => ({
    client: free[2 * i] as number,
    controller: free[2 * i + 1] as number,
  }))
  const cluster: SupervisedCluster = {
    dataDir: await mkdtemp(join(temporaryFolder(), DATA_FOLDER_PREFIX)),
    clusterId: kafkaUuid(),
    brokers: ports.map((each) => `127.0.0.1:${each.client}`),
  }
  const { dataDir, clusterId } = cluster
  try {
    await formatNodes(dataDir, clusterId, ports, distribution.checkpoint, options.configs ?? {})
    await writeFile(specFile(dataDir), JSON.stringify(clusterSpec(distribution, dataDir, count)))
    await forkSupervisor(dataDir)
    if (options.owner === 'detached') await tellSupervisor(dataDir, { type: 'detach' })
    for (const index of ports.keys()) await tellSupervisor(dataDir, { type: 'start', index })
    await Promise.all([...ports.keys()].map((index) => brokerReady(cluster, index, count)))
    return cluster
  } catch (error) {
    await command(dataDir, { type: 'stop' })
    await rm(dataDir, { recursive: true, force: true })
    throw error
  }
}

function clusterSpec(kafka: KafkaDistribution, dataDir: string, count: number): ClusterSpec {
  const isTrained = existsSync(kafka.classArchive)
  // Several nodes would wait for one another at an orderly end, so only a single one trains.
  const archive =
    isTrained || count > 1
      ? null
      : {
          partial: `${kafka.classArchive}.partial-${randomBytes(6).toString('hex')}`,
          whole: kafka.classArchive,
        }
  const sharing = isTrained
    ? [`-XX:SharedArchiveFile=${kafka.classArchive}`]
    : archive === null
      ? []
      : [`-XX:ArchiveClassesAtExit=${archive.partial}`]
  const args = Array.from({ length: count }, (_, index) => [
    ...javaFlags,
    ...sharing,
    '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
    '-Dorg.slf4j.simpleLogger.showDateTime=true',
    '-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS',
    '-cp',
    kafka.classPath,
    'kafka.Kafka',
    propertiesFile(dataDir, index),
  ])
  return { java: kafka.java, args, archive }
}
