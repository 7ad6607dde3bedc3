import type { Topology } from 'millrace'
import { connect } from '../../src/app/connect.ts'
import { threadConfigs } from '../../src/app/options.ts'
import { systemClock } from '../../src/core/clock.ts'
import { isStreamsError, messageOf } from '../../src/core/errors.ts'
import { silentLogger } from '../../src/core/logger.ts'
import { startKafka } from '../../src/dev/kafka.ts'
import { SimulatedCluster } from '../../src/kafka/memory/simulated-cluster.ts'
import type { KafkaPort } from '../../src/kafka/port.ts'
import { directoryStorage } from '../../src/runtime/state-directory/directory-storage.ts'
import { openStateDirectory } from '../../src/runtime/state-directory/state-directory.ts'
import { RemoteSerdes } from '../../src/runtime/task/remote-serdes.ts'
import { StreamThread } from '../../src/runtime/thread/stream-thread.ts'
import type { CaseStudy } from './case-study.ts'
import { demoFolder } from './demo-folder.ts'
import { startProcess, type Instance } from './instance.ts'

/** Where the demo runs: a real Kafka, or a simulated one in this process. */
export interface DemoCluster extends AsyncDisposable {
  readonly label: string
  readonly port: KafkaPort
  readonly startInstance: () => Instance
}

export async function openCluster(
  study: CaseStudy,
  inMemory: boolean,
  onProgress: (line: string) => void,
): Promise<DemoCluster> {
  if (inMemory) return simulatedCluster(study, 'simulated, as asked for')
  try {
    return await realCluster(study, onProgress)
  } catch (error) {
    if (!isStreamsError(error) || error.code !== 'KAFKA_UNAVAILABLE') throw error
    onProgress(`${messageOf(error)}. ${error.hint}`)
    onProgress('Going on with a simulated cluster in this process.')
    return simulatedCluster(study, 'simulated: neither Java nor Docker is here')
  }
}

async function realCluster(
  study: CaseStudy,
  onProgress: (line: string) => void,
): Promise<DemoCluster> {
  const kafka = await startKafka({ onProgress })
  const stateDir = await demoFolder()
  const port = await connect({ brokers: kafka.brokers }, 'demo', silentLogger, systemClock)
  const kinds = { external: 'Kafka', java: 'Apache Kafka', docker: 'Apache Kafka in Docker' }
  return {
    label: `${kinds[kafka.kind]} on ${kafka.brokers.join(', ')}`,
    port,
    startInstance: () => startProcess(study.file, kafka.brokers, stateDir),
    [Symbol.asyncDispose]: async () => {
      await port.close()
      await kafka.stop()
    },
  }
}

async function simulatedCluster({ topology }: CaseStudy, label: string): Promise<DemoCluster> {
  const cluster = new SimulatedCluster({ clock: systemClock })
  const stateDir = await demoFolder()
  let started = 0
  return {
    label,
    port: cluster.port('demo'),
    startInstance: () => {
      started += 1
      return startInProcess(topology, cluster, stateDir, `${topology.name}-${started}`)
    },
    [Symbol.asyncDispose]: async () => {
      cluster[Symbol.dispose]()
    },
  }
}

/**
 * The same thread without a process around it; killing it cuts it off from the cluster for good.
 */
function startInProcess(
  topology: Topology,
  cluster: SimulatedCluster,
  stateDir: string,
  clientId: string,
): Instance {
  const directory = openStateDirectory(stateDir, topology.name)
  const [config] = threadConfigs(
    { instanceId: 'demo', sessionTimeout: '6s' },
    topology.name,
    directory.processId,
  )
  let state = 'starting'
  let failure: string | undefined
  let told = false
  const port = cluster.port(clientId)
  const thread = new StreamThread({
    topology,
    config: config as NonNullable<typeof config>,
    port,
    storage: directoryStorage(directory.path),
    openSerde: new RemoteSerdes(undefined, silentLogger).open,
    clock: systemClock,
    logger: silentLogger,
    onStateChange: (to) => {
      state = to
    },
  })
  const finished = port
    .connect()
    .then(() => thread.run())
    .catch((error: unknown) => {
      if (!told) failure = messageOf(error)
    })
    .finally(() => directory[Symbol.dispose]())
  const end = async (stop: () => void): Promise<void> => {
    told = true
    stop()
    await finished
  }
  return {
    place: 'in this process',
    state: () => state,
    failure: () => failure,
    stop: () => end(thread.stop),
    kill: async () => {
      cluster.faults.kill(clientId)
      await end(thread.abort)
    },
  }
}
