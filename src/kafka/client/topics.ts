import type { Clock } from '../../core/clock.ts'
import { KafkaError, type KafkaPort, type TopicSpec } from '../port.ts'
import { retrying, wasRefusedOrLost, type RetryPolicy } from './retrying.ts'

/** Where a topic that was there before is not as it was asked for. */
export type TopicDifference =
  | {
      readonly topic: string
      readonly what: 'partitions'
      readonly wanted: number
      readonly actual: number
    }
  | {
      readonly topic: string
      readonly what: 'config'
      readonly name: string
      readonly wanted: string
      /** Undefined where the broker does not know the setting. */
      readonly actual: string | undefined
    }

export interface EnsuredTopics {
  readonly created: readonly string[]
  /** Never altered: the caller decides whether to stop or to warn. */
  readonly differences: readonly TopicDifference[]
}

const retry: RetryPolicy = {
  initialMs: 20,
  maxMs: 500,
  timeoutMs: 30_000,
  // Another member of the group creates the same topics at the same time: look again.
  cures: (error) => wasRefusedOrLost(error) || error.code === 'TOPIC_ALREADY_EXISTS',
}

/** Creates the topics that are missing and compares the others with their specs. */
export async function ensureTopics(
  port: KafkaPort,
  clock: Clock,
  specs: readonly TopicSpec[],
): Promise<EnsuredTopics> {
  if (specs.length === 0) return { created: [], differences: [] }
  const created = new Set<string>()
  await retrying(clock, retry, async () => {
    const existing = await port.metadata(specs.map((spec) => spec.name))
    const missing = specs.filter((spec) => !existing.has(spec.name) && !created.has(spec.name))
    if (missing.length === 0) return
    await port.createTopics(missing)
    for (const spec of missing) created.add(spec.name)
  })
  const found = specs.filter((spec) => !created.has(spec.name))
  const differences =
    found.length === 0 ? [] : await retrying(clock, retry, () => compare(port, found))
  return { created: [...created], differences }
}

/**
 * The ids of topics that exist, by name; empty ones where the cluster has none. Brokers that have
 * not heard of a topic yet are asked again.
 */
export async function fetchTopicIds(
  port: KafkaPort,
  clock: Clock,
  names: readonly string[],
  { timeoutMs }: { readonly timeoutMs: number },
): Promise<ReadonlyMap<string, string>> {
  if (names.length === 0) return new Map()
  return await retrying(clock, { ...retry, timeoutMs }, async () => {
    const found = await port.metadata(names)
    return new Map(
      names.map((name) => {
        const topic = found.get(name)
        if (topic === undefined) throw stillUnknown(name)
        return [name, topic.id]
      }),
    )
  })
}

async function compare(port: KafkaPort, specs: readonly TopicSpec[]): Promise<TopicDifference[]> {
  const names = specs.map((spec) => spec.name)
  const metadata = await port.metadata(names)
  const configs = await port.describeConfigs(names)
  const differences: TopicDifference[] = []
  for (const { name: topic, partitions, configs: wantedConfigs } of specs) {
    const actual = metadata.get(topic)?.partitions.length
    if (actual === undefined) throw stillUnknown(topic)
    if (actual !== partitions) {
      differences.push({ topic, what: 'partitions', wanted: partitions, actual })
    }
    for (const [name, wanted] of Object.entries(wantedConfigs)) {
      const value = configs.get(topic)?.[name]
      if (value === undefined || inOrder(value) !== inOrder(wanted)) {
        differences.push({ topic, what: 'config', name, wanted, actual: value })
      }
    }
  }
  return differences
}

/** `compact,delete` and `delete,compact` are the same policy. */
const inOrder = (value: string): string =>
  value
    .split(',')
    .map((each) => each.trim())
    .sort()
    .join()

/** A broker that has not heard of a new topic yet. */
const stillUnknown = (topic: string): KafkaError =>
  new KafkaError(
    'UNKNOWN_TOPIC_OR_PARTITION',
    'stale-metadata',
    `topic "${topic}" is not known yet`,
  )
