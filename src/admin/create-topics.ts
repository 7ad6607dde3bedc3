import type { Clock } from '../core/clock.ts'
import { ensureTopics } from '../kafka/client/topics.ts'
import type { KafkaPort } from '../kafka/port.ts'

export interface CreatedTopic {
  readonly name: string
  /** False where it was there before. */
  readonly isNew: boolean
  readonly partitions: number
}

/** Creates what is missing; a topic that is there stays as it is, whatever its partition count. */
export async function createTopics(
  port: KafkaPort,
  clock: Clock,
  names: readonly string[],
  shape: { readonly partitions: number; readonly replicationFactor: number },
): Promise<readonly CreatedTopic[]> {
  const specs = [...new Set(names)].map((name) => ({ name, ...shape, configs: {} }))
  const { created, differences } = await ensureTopics(port, clock, specs)
  return specs.map(({ name, partitions }) => {
    const other = differences.find(({ topic, what }) => topic === name && what === 'partitions')
    const isNew = created.includes(name)
    return { name, isNew, partitions: Number(other?.actual ?? partitions) }
  })
}
