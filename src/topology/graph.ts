import type { Meta } from '../core/record.ts'
import type { Deserializer, Serializer } from '../serde/serde.ts'
import type { KeyValueStoreSpec } from '../state/store-spec.ts'
import type { GlobalStepFactory } from './global-processor.ts'
import type { OperatorFactory } from './processor.ts'

/** A topic in a graph. An internal one is called `<application id>-<name>-repartition` in Kafka. */
export interface TopicRef {
  readonly name: string
  readonly internal: boolean
}

/** The name in Kafka. */
export const topicName = (topic: TopicRef, applicationId: string): string =>
  topic.internal ? `${applicationId}-${topic.name}-repartition` : topic.name

/** What to do with a record that cannot be read, processed or written. */
export type FailurePolicy = 'dead-letter' | 'skip' | 'stop'

export type OffsetReset = 'earliest' | 'latest' | 'none' | { readonly byMs: number }

/**
 * The timestamp that a record is processed with, in milliseconds since the epoch. A negative one
 * leaves the record out (counted as dropped, with a warning). One that throws, or gives anything
 * but a whole number, makes it a record that cannot be read.
 */
export type TimestampExtractor<in K = never, in V = never> = (
  value: V,
  meta: Meta<K>,
  time: ExtractionTime,
) => number

/** What time it is while a timestamp is extracted; valid during the call only. */
export interface ExtractionTime {
  /** The largest timestamp of the partition so far; -1 before the first record. */
  readonly partitionTimeMs: number
  readonly wallClockMs: number
}

export interface SourceNode {
  readonly kind: 'source'
  readonly name: string
  /** A pattern is matched against the cluster's topics at every rebalance. */
  readonly topics: readonly TopicRef[] | RegExp
  readonly key: Deserializer<unknown>
  readonly value: Deserializer<unknown>
  /** Undefined: the record's own timestamp, which must be valid. */
  readonly timestamp: TimestampExtractor | undefined
  readonly reset: OffsetReset
  /** For records that this source cannot read; undefined: the topology's policy. */
  readonly onBadRecord: FailurePolicy | undefined
}

export interface NodeInput {
  readonly node: string
  /** Undefined: the node's main output; else a branch or side output by name. */
  readonly output: string | undefined
}

export interface ProcessorNode {
  readonly kind: 'processor'
  readonly name: string
  /** What the step is, for a person: `filter`, `aggregate`. */
  readonly operator: string
  readonly inputs: readonly NodeInput[]
  readonly stores: readonly string[]
  /** Named outputs beside the main one. */
  readonly outputs: readonly string[]
  readonly create: OperatorFactory
}

export interface SinkNode {
  readonly kind: 'sink'
  readonly name: string
  readonly inputs: readonly NodeInput[]
  readonly target: SinkTarget | ((value: unknown, meta: Meta) => SinkTarget)
  /** Undefined: murmur2 of the key's bytes, as Kafka's default partitioner. */
  readonly partition: ((key: unknown, value: unknown, partitions: number) => number) | undefined
}

export interface SinkTarget {
  readonly topic: TopicRef
  readonly key: Serializer<unknown>
  readonly value: Serializer<unknown>
}

export type GraphNode = SourceNode | ProcessorNode | SinkNode

/** A connected part of the graph: what one task runs. */
export interface SubTopology {
  readonly id: number
  readonly nodes: readonly GraphNode[]
  readonly sources: readonly SourceNode[]
  readonly stores: readonly string[]
  /** Groups of source topics whose partition counts must be equal. */
  readonly copartitioned: readonly (readonly TopicRef[])[]
}

/**
 * A topic that every thread reads in full, and the store that is kept of it. No task runs it, so it
 * is numbered behind those that tasks do run.
 */
export interface GlobalSubTopology extends SubTopology {
  readonly store: KeyValueStoreSpec
  /** Its one step, which is the second of its nodes. */
  readonly create: GlobalStepFactory
}

export interface RepartitionTopic {
  readonly name: string
  /** Undefined: as many as the largest source of the sub-topology that writes it. */
  readonly partitions: number | undefined
}
