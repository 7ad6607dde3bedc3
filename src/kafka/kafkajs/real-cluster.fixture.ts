import { systemClock } from '../../core/clock.ts'
import { silentLogger } from '../../core/logger.ts'
import { readAll, type ContractCluster } from '../port.contract.kit.ts'
import type { KafkaPort } from '../port.ts'
import { kafkajsPort } from './kafkajs-port.ts'

/** Real brokers as the contract of the port wants to see them. */
export async function realCluster(brokers: readonly string[]): Promise<ContractCluster> {
  const ports: KafkaPort[] = []
  const connect = async (clientId: string): Promise<KafkaPort> => {
    const port = kafkajsPort({ brokers, clientId }, { logger: silentLogger, clock: systemClock })
    ports.push(port)
    // A broker that has just come back closes a connection or two before it serves.
    for (let attempt = 1; ; attempt += 1) {
      try {
        await port.connect()
        return port
      } catch (error) {
        if (attempt === 20) throw error
        await systemClock.sleep(500)
      }
    }
  }
  const admin = await connect('admin')
  return {
    clock: systemClock,
    port: connect,
    createTopic: (name, partitions, configs = {}) =>
      admin.createTopics([{ name, partitions, replicationFactor: -1, configs }]),
    brokers: brokers.length,
    forceCompaction: (topic) => compacted(admin, topic),
    [Symbol.asyncDispose]: async () => {
      await Promise.all(ports.map((port) => port.close()))
    },
  }
}

/** Until the cleaner, which looks every 15 s unless told otherwise, has gone over the topic. */
async function compacted(port: KafkaPort, topic: string): Promise<void> {
  const read = async () => (await readAll(port, topic, { isolation: 'read_uncommitted' })).records
  const { length: before } = await read()
  while ((await read()).length === before) await systemClock.sleep(500)
}
