import { randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Where one node of the cluster is reached: by clients, and by the other controllers. */
export interface NodePorts {
  readonly client: number
  readonly controller: number
}

/** Sixteen random bytes as Kafka writes them; never a dash in front, which looks like an option. */
export const kafkaUuid = (): string => `M${randomBytes(16).toString('base64url').slice(1)}`

/**
 * The configuration of node `index`: KRaft, broker and controller in one process, on loopback only.
 * Timers are short so that a group joins, a dead broker is noticed and a timed-out transaction is
 * aborted within a second or two; what decides correctness (replication, acks, min ISR) is as in
 * production.
 */
export function nodeProperties(
  dataDir: string,
  index: number,
  ports: readonly NodePorts[],
): Record<string, string> {
  const own = ports[index] as NodePorts
  const replicas = String(ports.length)
  const inSync = ports.length > 1 ? '2' : '1'
  const voters = ports.map((each, i) => `${i + 1}@127.0.0.1:${each.controller}`)
  return {
    'process.roles': 'broker,controller',
    'node.id': String(index + 1),
    'controller.quorum.voters': voters.join(','),
    listeners: `PLAINTEXT://127.0.0.1:${own.client},CONTROLLER://127.0.0.1:${own.controller}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${own.client}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'log.dirs': join(dataDir, `node-${index + 1}`),

    'auto.create.topics.enable': 'false',
    'default.replication.factor': replicas,
    'min.insync.replicas': inSync,
    'offsets.topic.num.partitions': '1',
    'offsets.topic.replication.factor': replicas,
    'transaction.state.log.num.partitions': '1',
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': inSync,
    'share.coordinator.state.topic.num.partitions': '1',
    'share.coordinator.state.topic.replication.factor': replicas,
    'share.coordinator.state.topic.min.isr': inSync,

    'group.initial.rebalance.delay.ms': '0',
    'group.min.session.timeout.ms': '500',
    'transaction.abort.timed.out.transaction.cleanup.interval.ms': '1000',
    'controller.quorum.election.timeout.ms': '500',
    'controller.quorum.fetch.timeout.ms': '1000',
    'broker.heartbeat.interval.ms': '300',
    'broker.session.timeout.ms': '2000',

    'num.network.threads': '2',
    'num.io.threads': '4',
    'background.threads': '2',
    'log.cleaner.dedupe.buffer.size': '4194304',
  }
}

/** Lays out each node's folder as Kafka's formatting tool would have, in a millisecond. */
export async function formatNodes(
  dataDir: string,
  clusterId: string,
  ports: readonly NodePorts[],
  checkpoint: string,
  overrides: Readonly<Record<string, string>>,
): Promise<void> {
  const snapshot = await readFile(checkpoint)
  for (const index of ports.keys()) {
    const log = join(dataDir, `node-${index + 1}`)
    await mkdir(join(log, '__cluster_metadata-0'), { recursive: true })
    await writeFile(
      join(log, 'meta.properties'),
      `version=1\ncluster.id=${clusterId}\nnode.id=${index + 1}\ndirectory.id=${kafkaUuid()}\n`,
    )
    await writeFile(
      join(log, '__cluster_metadata-0', '00000000000000000000-0000000000.checkpoint'),
      snapshot,
    )
    const properties = { ...nodeProperties(dataDir, index, ports), ...overrides }
    const lines = Object.entries(properties).map(([name, value]) => `${name}=${value}\n`)
    await writeFile(propertiesFile(dataDir, index), lines.join(''))
  }
}

export const propertiesFile = (dataDir: string, index: number): string =>
  join(dataDir, `node-${index + 1}.properties`)

/** What the node wrote to its standard output and error: Kafka's warnings and errors. */
export const logFile = (dataDir: string, index: number): string =>
  join(dataDir, `node-${index + 1}.log`)
