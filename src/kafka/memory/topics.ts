import type { TopicPartition } from '../../core/topic-partition.ts'
import type { TopicMetadata, TopicSpec } from '../port.ts'
import { hash, type Brokers } from './brokers.ts'
import { PartitionLog } from './partition-log.ts'
import { refusal } from './refusal.ts'

const NAME_LENGTH_MAX = 249
const NO_LEADER = -1

/** Kafka's defaults of what this cluster honours or reports. */
const defaultConfigs: Readonly<Record<string, string>> = {
  'cleanup.policy': 'delete',
  'compression.type': 'producer',
  'delete.retention.ms': '86400000',
  'max.message.bytes': '1048588',
  'message.timestamp.type': 'CreateTime',
  'min.cleanable.dirty.ratio': '0.5',
  'min.compaction.lag.ms': '0',
  'min.insync.replicas': '1',
  'retention.bytes': '-1',
  'retention.ms': '604800000',
  'segment.bytes': '1073741824',
  'segment.ms': '604800000',
}

export interface Partition {
  readonly log: PartitionLog
  /** -1 while there is none. */
  leader: number
  /** Who gets it back when there is none. */
  lastLeader: number
}

export interface Topic {
  readonly name: string
  readonly id: string
  readonly configs: Readonly<Record<string, string>>
  readonly partitions: Partition[]
}

/** The topics of the cluster and who leads their partitions. */
export class Topics {
  readonly #brokers: Brokers
  readonly #transactionVersion: 1 | 2
  readonly #topics = new Map<string, Topic>()
  #created = 0

  constructor(brokers: Brokers, transactionVersion: 1 | 2) {
    this.#brokers = brokers
    this.#transactionVersion = transactionVersion
  }

  has(name: string): boolean {
    return this.#topics.has(name)
  }

  get(name: string): Topic {
    const topic = this.#topics.get(name)
    if (topic === undefined) throw unknown(name)
    return topic
  }

  partition({ topic, partition }: TopicPartition): Partition {
    const found = this.get(topic).partitions[partition]
    if (found === undefined) throw unknown(`${topic}-${partition}`)
    return found
  }

  /** Throws for the first topic that cannot be made, after making all the others. */
  create(specs: readonly TopicSpec[]): void {
    let failure: unknown
    for (const spec of specs) {
      try {
        this.#create(spec)
      } catch (error) {
        failure ??= error
      }
    }
    if (failure !== undefined) throw failure
  }

  /** So that it has this many. */
  addPartitions(name: string, count: number): void {
    const { partitions } = this.get(name)
    while (partitions.length < count) partitions.push(this.#newPartition(name, partitions.length))
  }

  delete(name: string): void {
    if (!this.#topics.delete(name)) throw unknown(name)
  }

  /** Returns its name. */
  deleteById(id: string): string {
    const topic = [...this.#topics.values()].find((each) => each.id === id)
    if (topic === undefined) throw refusal('UNKNOWN_TOPIC_ID', `there is no topic with id ${id}`)
    this.#topics.delete(topic.name)
    return topic.name
  }

  metadata(names: readonly string[] | 'all'): ReadonlyMap<string, TopicMetadata> {
    const asked = names === 'all' ? [...this.#topics.keys()] : names
    return new Map(
      asked
        .filter((name) => this.#topics.has(name))
        .map((name) => [
          name,
          {
            id: this.get(name).id,
            partitions: this.get(name).partitions.map(({ leader }, id) => ({ id, leader })),
          },
        ]),
    )
  }

  /** Defaults with the topic's own settings over them. */
  configsOf(name: string): Readonly<Record<string, string>> {
    return { ...defaultConfigs, ...this.get(name).configs }
  }

  config(name: string, setting: string): string {
    return this.configsOf(name)[setting] ?? ''
  }

  moveLeader(partition: TopicPartition, to: number | undefined): void {
    const found = this.partition(partition)
    found.leader = to ?? this.#brokers.another(found.leader) ?? found.leader
    found.lastLeader = found.leader
  }

  /** Elects other leaders for what the broker led, or leaves it without one. */
  brokerWentDown(node: number, partitions: 'move' | 'unavailable'): void {
    for (const partition of this.#partitions()) {
      if (partition.leader !== node) continue
      const next = partitions === 'move' ? this.#brokers.another(node) : undefined
      partition.leader = next ?? NO_LEADER
      partition.lastLeader = next ?? node
    }
  }

  brokerCameUp(node: number): void {
    for (const partition of this.#partitions()) {
      if (partition.leader === NO_LEADER && partition.lastLeader === node) partition.leader = node
    }
  }

  *#partitions(): Iterable<Partition> {
    for (const { partitions } of this.#topics.values()) yield* partitions
  }

  #create({ name, partitions, replicationFactor, configs }: TopicSpec): void {
    if (
      !/^[a-zA-Z0-9._-]+$/.test(name) ||
      name.length > NAME_LENGTH_MAX ||
      /^\.{1,2}$/.test(name)
    ) {
      throw refusal('INVALID_TOPIC_EXCEPTION', `"${name}" cannot be the name of a topic`)
    }
    if (this.#topics.has(name)) throw refusal('TOPIC_ALREADY_EXISTS', `topic "${name}" exists`)
    if (partitions < 1) throw refusal('INVALID_PARTITIONS', 'a topic has at least one partition')
    const { nodes } = this.#brokers
    if (replicationFactor !== -1 && (replicationFactor < 1 || replicationFactor > nodes.length)) {
      throw refusal('INVALID_REPLICATION_FACTOR', `there are ${nodes.length} brokers`)
    }
    this.#created += 1
    this.#topics.set(name, {
      name,
      id: `topic-${this.#created}`,
      configs: { ...configs },
      partitions: Array.from({ length: partitions }, (_, id) => this.#newPartition(name, id)),
    })
  }

  #newPartition(name: string, id: number): Partition {
    const leaders = this.#brokers.up
    const leader = leaders[(hash(name) + id) % leaders.length] ?? NO_LEADER
    return { log: new PartitionLog(this.#transactionVersion), leader, lastLeader: leader }
  }
}

const unknown = (name: string) => refusal('UNKNOWN_TOPIC_OR_PARTITION', `there is no ${name}`)
