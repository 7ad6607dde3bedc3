import { ManualClock } from '../../core/manual-clock.ts'
import type { ContractCluster } from '../port.contract.kit.ts'
import type { KafkaPort } from '../port.ts'
import { SimulatedCluster, type SimulatedClusterOptions } from './simulated-cluster.ts'

export interface Simulation extends ContractCluster {
  readonly clock: ManualClock
  readonly cluster: SimulatedCluster
}

/** A cluster whose time runs on by itself as soon as nothing else is left to do. */
export function openSimulated(
  options: Omit<SimulatedClusterOptions, 'clock'> = {},
): Promise<Simulation> {
  const clock = new ManualClock(1_700_000_000_000)
  const cluster = new SimulatedCluster({ ...options, clock })
  const disposed = Promise.withResolvers<void>()
  const time = clock.run(() => disposed.promise)
  const ports: KafkaPort[] = []
  return Promise.resolve({
    clock,
    cluster,
    brokers: options.brokers ?? 1,
    port: async (clientId) => {
      const port = cluster.port(clientId)
      ports.push(port)
      await port.connect()
      return port
    },
    createTopic: (name, partitions, configs) => {
      cluster.createTopic(name, partitions, configs)
      return Promise.resolve()
    },
    forceCompaction: (topic) => {
      cluster.compact(topic)
      return Promise.resolve()
    },
    [Symbol.asyncDispose]: async () => {
      for (const port of ports) await port.close()
      cluster[Symbol.dispose]()
      disposed.resolve()
      await time
    },
  })
}
