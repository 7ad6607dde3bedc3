import { randomBytes } from 'node:crypto'
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { cacheFolder } from './environment.ts'
import { startSupervised } from './java-kafka.ts'
import { withLock } from './lock.mjs'
import type { KafkaOptions } from './running-kafka.ts'
import { SupervisedKafka, type SupervisedCluster } from './supervised-kafka.ts'
import { command, type NodeState } from './supervisor-control.ts'

/** The embedded Kafka that was started detached. */
export interface KafkaStatus {
  readonly brokers: readonly string[]
  readonly dataDir: string
  /** Of the process that looks after the JVMs. */
  readonly pid: number
  /** In the order of `brokers`. */
  readonly states: readonly NodeState[]
}

const stateFile = (): string => join(cacheFolder(), 'kafka.json')

/** Starts one, or finds the one that runs: never two a user, however many start at once. */
export const startDetachedKafka = (options: KafkaOptions): Promise<SupervisedKafka> =>
  withLock(cacheFolder(), 'kafka-detached', Infinity, async () => {
    const running = await readState()
    if (running !== undefined && (await statusOf(running)) !== undefined) {
      options.onProgress?.(`Kafka runs already on ${running.brokers.join(', ')}`)
      return new SupervisedKafka(running, false)
    }
    const cluster = await startSupervised({ ...options, owner: 'detached' })
    const partial = `${stateFile()}.partial-${randomBytes(6).toString('hex')}`
    await writeFile(partial, JSON.stringify(cluster))
    await rename(partial, stateFile())
    return new SupervisedKafka(cluster, true)
  })

/** `undefined` when no detached Kafka runs. */
export async function kafkaStatus(): Promise<KafkaStatus | undefined> {
  const cluster = await readState()
  return cluster && statusOf(cluster)
}

/** Stops the detached Kafka and removes its data; false when none was running. */
export const stopKafka = (): Promise<boolean> =>
  withLock(cacheFolder(), 'kafka-detached', Infinity, async () => {
    const cluster = await readState()
    const reply = cluster && (await command(cluster.dataDir, { type: 'stop' }))
    await rm(stateFile(), { force: true })
    return reply !== undefined
  })

async function readState(): Promise<SupervisedCluster | undefined> {
  const text = await readFile(stateFile(), 'utf8').catch(() => undefined)
  return text === undefined ? undefined : (JSON.parse(text) as SupervisedCluster)
}

async function statusOf(cluster: SupervisedCluster): Promise<KafkaStatus | undefined> {
  const reply = await command(cluster.dataDir, { type: 'status' })
  return (
    reply && {
      brokers: cluster.brokers,
      dataDir: cluster.dataDir,
      pid: reply.pid,
      states: reply.nodes.map((node) => node.state),
    }
  )
}
