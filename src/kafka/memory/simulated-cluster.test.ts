import { ManualClock } from '../../core/manual-clock.ts'
import type { ContractCluster } from '../port.contract.kit.ts'
import { portContract } from '../port.contract.ts'
import type { KafkaPort } from '../port.ts'
import { SimulatedCluster, type SimulatedClusterOptions } from './simulated-cluster.ts'

/** A cluster whose time runs on by itself as soon as nothing else is left to do. */
function openSimulated(options: Omit<SimulatedClusterOptions, 'clock'>): Promise<ContractCluster> {
  const clock = new ManualClock(1_700_000_000_000)
  const cluster = new SimulatedCluster({ ...options, clock })
  const disposed = Promise.withResolvers<void>()
  const time = clock.run(() => disposed.promise)
  const ports: KafkaPort[] = []
  return Promise.resolve({
    clock,
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

portContract('a simulated cluster', () => openSimulated({}))
portContract('a simulated cluster of three brokers with late markers', () =>
  openSimulated({ brokers: 3, markerDelayMs: 40 }),
)
portContract('a simulated cluster with transactions of version 1', () =>
  openSimulated({ transactionVersion: 1 }),
)
portContract('a simulated cluster with transactions of version 1 and late markers', () =>
  openSimulated({ transactionVersion: 1, markerDelayMs: 40 }),
)
