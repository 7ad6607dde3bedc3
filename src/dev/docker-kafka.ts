import type { StartedNetwork, StartedTestContainer } from 'testcontainers'
import { systemClock } from '../core/clock.ts'
import { StreamsError } from '../core/errors.ts'
import { isServing } from './broker-probe.ts'
import { freePorts } from './free-ports.ts'
import { kafkaVersion } from './kafka-distribution.ts'
import { kafkaUuid, nodeProperties } from './kafka-nodes.ts'
import type { KafkaOptions, RunningKafka } from './running-kafka.ts'

const READY_MS_MAX = 120_000
const PROBE_PAUSE_MS = 200

/**
 * The same cluster in containers, for a machine with Docker and no Java. Testcontainers' own reaper
 * removes them when this process is killed. The library is loaded here and not before: its import
 * throws on an old Node, and an installed Millrace does not have it.
 */
export async function startDockerKafka(options: KafkaOptions): Promise<RunningKafka> {
  const { GenericContainer, Network, getContainerRuntimeClient } = await import('testcontainers')
  const runtime = await getContainerRuntimeClient()
  const image = `apache/kafka:${await kafkaVersion()}`
  options.onProgress?.(`starting ${image} in Docker`)
  const clusterId = kafkaUuid()
  const ports = await freePorts(options.brokers ?? 1)
  const network = await new Network().start()
  const started: StartedTestContainer[] = []
  const stop = (): Promise<void> => stopAll(started, network)
  try {
    for (const [index, port] of ports.entries()) {
      started.push(
        await new GenericContainer(image)
          .withNetwork(network)
          .withNetworkAliases(alias(index))
          .withExposedPorts({ container: 9092, host: port })
          .withEnvironment({ CLUSTER_ID: clusterId, ...environment(index, ports, options) })
          .start(),
      )
    }
    await Promise.all(ports.map((port, i) => ready(port, i + 1, clusterId, ports.length)))
  } catch (error) {
    await stop()
    throw error
  }
  const container = (index: number) => runtime.container.getById(started[index]?.getId() ?? '')
  return {
    brokers: ports.map((port) => `127.0.0.1:${port}`),
    kind: 'docker',
    isNew: true,
    stop,
    killBroker: async (index) => void (await container(index).kill({ signal: 'SIGKILL' })),
    startBroker: async (index) => {
      await container(index).start()
      await ready(ports[index] as number, index + 1, clusterId, 1)
    },
    freezeBroker: async (index) => void (await container(index).pause()),
    thawBroker: async (index) => void (await container(index).unpause()),
    [Symbol.asyncDispose]: stop,
  }
}

const alias = (index: number): string => `kafka-${index + 1}`

/** Brokers reach one another by alias, clients by the port of this machine. */
function environment(
  index: number,
  ports: readonly number[],
  options: KafkaOptions,
): Record<string, string> {
  const properties = {
    ...nodeProperties(
      '/var/lib/kafka',
      index,
      ports.map((client) => ({ client, controller: 9093 })),
    ),
    'controller.quorum.voters': ports.map((_, i) => `${i + 1}@${alias(i)}:9093`).join(','),
    listeners: 'PLAINTEXT://:9092,INTERNAL://:19092,CONTROLLER://:9093',
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${ports[index]},INTERNAL://${alias(index)}:19092`,
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'inter.broker.listener.name': 'INTERNAL',
    'log.dirs': '/tmp/kafka-logs',
    ...options.configs,
  }
  const name = (property: string): string => `KAFKA_${property.toUpperCase().replaceAll('.', '_')}`
  return Object.fromEntries(Object.entries(properties).map(([key, value]) => [name(key), value]))
}

async function ready(port: number, nodeId: number, clusterId: string, min: number): Promise<void> {
  const deadlineMs = systemClock.nowMs() + READY_MS_MAX
  while (!(await isServing(port, nodeId, clusterId, min))) {
    if (systemClock.nowMs() > deadlineMs) {
      throw new StreamsError('KAFKA_UNAVAILABLE', {
        message: `Kafka in Docker was not ready after ${READY_MS_MAX / 1000} s`,
        hint: 'Look at the logs of the container, or set KAFKA_BROKERS to a Kafka that runs.',
      })
    }
    await systemClock.sleep(PROBE_PAUSE_MS)
  }
}

async function stopAll(
  containers: readonly StartedTestContainer[],
  network: StartedNetwork,
): Promise<void> {
  await Promise.all(containers.map((each) => each.stop()))
  await network.stop()
}
