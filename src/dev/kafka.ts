import { StreamsError } from '../core/errors.ts'
import { startDetachedKafka } from './detached-kafka.ts'
import { startDockerKafka } from './docker-kafka.ts'
import { externalBrokers } from './environment.ts'
import { startJavaKafka } from './java-kafka.ts'
import { missingForJavaKafka } from './kafka-distribution.ts'
import type { KafkaOptions, RunningKafka } from './running-kafka.ts'

/**
 * A real Kafka without a thought: the one that `KAFKA_BROKERS` names, else Apache Kafka on this
 * machine's Java (fetched by Maven once), else one in Docker. Rejects with `KAFKA_UNAVAILABLE`
 * where none of them can be had.
 */
export async function startKafka(options: KafkaOptions = {}): Promise<RunningKafka> {
  const external = externalBrokers()
  const isDetached = options.owner === 'detached'
  if (external !== undefined && options.own !== true && !isDetached) return externalKafka(external)
  const missing = await missingForJavaKafka()
  if (isDetached) {
    if (missing !== undefined) throw unavailable(missing)
    return startDetachedKafka(options)
  }
  if (missing === undefined) return startJavaKafka(options)
  try {
    return await startDockerKafka(options)
  } catch (cause) {
    throw unavailable(`${missing}, and Docker cannot be used`, cause)
  }
}

function externalKafka(brokers: readonly string[]): RunningKafka {
  const notOurs = (): Promise<void> =>
    Promise.reject(
      new StreamsError('KAFKA_UNAVAILABLE', {
        message: 'the Kafka that KAFKA_BROKERS names is not ours to kill or freeze',
        hint: 'Unset KAFKA_BROKERS to run on an embedded one.',
      }),
    )
  const stop = (): Promise<void> => Promise.resolve()
  return {
    brokers,
    kind: 'external',
    isNew: false,
    stop,
    killBroker: notOurs,
    startBroker: notOurs,
    freezeBroker: notOurs,
    thawBroker: notOurs,
    [Symbol.asyncDispose]: stop,
  }
}

const unavailable = (missing: string, cause?: unknown): StreamsError =>
  new StreamsError('KAFKA_UNAVAILABLE', {
    message: `there is no Kafka to run on: ${missing}`,
    hint:
      'Install Java 17 and Maven ("apt install default-jre-headless maven", ' +
      '"brew install openjdk maven"), start Docker, or set KAFKA_BROKERS=host:port.',
    cause,
  })
