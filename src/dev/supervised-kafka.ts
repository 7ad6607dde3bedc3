import { readFile } from 'node:fs/promises'
import { systemClock } from '../core/clock.ts'
import { StreamsError } from '../core/errors.ts'
import { isServing } from './broker-probe.ts'
import { logFile } from './kafka-nodes.ts'
import type { RunningKafka } from './running-kafka.ts'
import { command, type Command, type Reply } from './supervisor-control.ts'

const READY_MS_MAX = 60_000
const PROBE_PAUSE_MS = 25
const LOG_LINES_MAX = 6

/** What one needs to know of a supervised cluster to use it; kept in a file when it is detached. */
export interface SupervisedCluster {
  readonly dataDir: string
  readonly clusterId: string
  readonly brokers: readonly string[]
}

/** A cluster of JVMs behind a supervisor, told through the control socket of its data folder. */
export class SupervisedKafka implements RunningKafka {
  readonly kind = 'java'
  readonly brokers: readonly string[]
  readonly dataDir: string
  readonly isNew: boolean
  readonly #cluster: SupervisedCluster

  constructor(cluster: SupervisedCluster, isNew: boolean) {
    this.#cluster = cluster
    this.brokers = cluster.brokers
    this.dataDir = cluster.dataDir
    this.isNew = isNew
  }

  readonly stop = async (): Promise<void> => {
    // No answer: it has ended already, or was ended by somebody else.
    await command(this.dataDir, { type: 'stop' })
  }

  readonly killBroker = (index: number): Promise<void> => this.#tell({ type: 'kill', index })
  readonly freezeBroker = (index: number): Promise<void> => this.#tell({ type: 'freeze', index })
  readonly thawBroker = (index: number): Promise<void> => this.#tell({ type: 'thaw', index })

  readonly startBroker = async (index: number): Promise<void> => {
    await this.#tell({ type: 'start', index })
    await brokerReady(this.#cluster, index, 1)
  };

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  async #tell(message: Command & { index: number }): Promise<void> {
    if (this.brokers[message.index] === undefined) {
      throw unavailable(`there is no broker ${message.index}`, 'Count brokers from 0.')
    }
    const reply = await tellSupervisor(this.dataDir, message)
    if (reply.problem === '') return
    throw unavailable(
      `cannot ${message.type} broker ${message.index}: ${reply.problem}`,
      'Kill or freeze a broker that runs, start one that was killed, thaw one that was frozen.',
    )
  }
}

/** Like {@link command}, where a supervisor that is gone is an error. */
export async function tellSupervisor(dataDir: string, message: Command): Promise<Reply> {
  const reply = await command(dataDir, message)
  if (reply !== undefined) return reply
  throw unavailable('the embedded Kafka is not running any more', 'Start it again.')
}

/**
 * Resolves when broker `index` serves clients and knows of `brokersMin` brokers that do, itself
 * among them; rejects when its JVM ends before that, with the end of its log.
 */
export async function brokerReady(
  cluster: SupervisedCluster,
  index: number,
  brokersMin: number,
): Promise<void> {
  const port = Number(cluster.brokers[index]?.split(':')[1])
  const deadlineMs = systemClock.nowMs() + READY_MS_MAX
  while (systemClock.nowMs() < deadlineMs) {
    if (await isServing(port, index + 1, cluster.clusterId, brokersMin)) return
    const { nodes } = await tellSupervisor(cluster.dataDir, { type: 'status' })
    if (nodes[index]?.state === 'ended') throw await startFailure(cluster.dataDir, index, 'ended')
    await systemClock.sleep(PROBE_PAUSE_MS)
  }
  throw await startFailure(cluster.dataDir, index, `was not ready after ${READY_MS_MAX / 1000} s`)
}

async function startFailure(dataDir: string, index: number, what: string): Promise<StreamsError> {
  const lines = usefulLines(await readFile(logFile(dataDir, index), 'utf8').catch(() => ''))
  const log = lines.length === 0 ? ' and wrote no log' : `:\n  ${lines.join('\n  ')}`
  return unavailable(
    `the embedded Kafka's broker ${index} ${what}${log}`,
    'Correct what the log complains of, or set KAFKA_BROKERS to a Kafka that runs.',
  )
}

/** The last lines of a broker's log that say something: errors where there are any. */
export function usefulLines(log: string): readonly string[] {
  const lines = log.split('\n').filter((line) => line.trim() !== '' && !/^\s+at /.test(line))
  const errors = lines.filter((line) => /ERROR|FATAL|Exception|Error/.test(line))
  return (errors.length > 0 ? errors : lines).slice(-LOG_LINES_MAX)
}

const unavailable = (message: string, hint: string): StreamsError =>
  new StreamsError('KAFKA_UNAVAILABLE', { message, hint })
