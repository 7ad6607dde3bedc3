import { AssertionFailure, isStreamsError, messageOf, StreamsError } from '../../core/errors.ts'
import type { RecordMeta } from '../../core/record-meta.ts'
import { KafkaError } from '../../kafka/port.ts'
import { partitionForKey } from '../../kafka/wire/murmur2.ts'
import type { RemoteSerde } from '../../serde/registry/remote-serde.ts'
import type { Serializer } from '../../serde/serde.ts'
import {
  topicName,
  type ProcessorNode,
  type SinkNode,
  type SinkTarget,
  type SubTopology,
} from '../../topology/graph.ts'
import type { Emit, Operator, OperatorContext } from '../../topology/processor.ts'
import type { RecordCollector } from './record-collector.ts'
import type { TaskVitals } from './task-vitals.ts'

export interface CompiledGraph {
  /** What follows a source, by the source node's name. */
  readonly entries: ReadonlyMap<string, Emit>
  /** Caches were flushed: steps put what else belongs to the commit. */
  readonly beforeCommit: () => void
  readonly close: () => void
}

export interface CompileDependencies {
  readonly applicationId: string
  readonly meta: RecordMeta
  readonly collector: RecordCollector
  readonly vitals: TaskVitals
  /** Has a serde ask its schema registry, in the background. */
  readonly openSerde: (remote: RemoteSerde) => void
  /** Everything of a step's context but its outputs. */
  readonly contextOf: (node: ProcessorNode) => Omit<OperatorContext, 'emit' | 'emitTo'>
}

const nowhere: Emit = () => {}

const follows = (
  node: SubTopology['nodes'][number],
  name: string,
): node is Extract<SubTopology['nodes'][number], { readonly inputs: unknown }> =>
  node.kind !== 'source' && node.inputs.some((input) => input.node === name)

/**
 * Turns the nodes of a sub-topology into plain calls, once per task: a step's `emit` is the next
 * step's `process`, so a chain of steps costs no lookup, no array and no promise per record.
 */
export function compileGraph(subTopology: SubTopology, deps: CompileDependencies): CompiledGraph {
  const processes = new Map<string, Emit>()
  const operators: Operator[] = []
  const followers = (name: string, output: string | undefined): Emit =>
    fanOut(
      subTopology.nodes.flatMap((node) =>
        follows(node, name) &&
        node.inputs.some((input) => input.node === name && input.output === output)
          ? [processes.get(node.name) as Emit]
          : [],
      ),
    )
  const entries = new Map<string, Emit>()
  // Nodes come in an order in which inputs precede their users, so going backwards every follower
  // is ready.
  for (const node of subTopology.nodes.toReversed()) {
    if (node.kind === 'source') {
      entries.set(node.name, followers(node.name, undefined))
    } else if (node.kind === 'sink') {
      processes.set(node.name, guarded(node.name, compileSink(node, deps), deps.vitals, true))
    } else {
      const outputs = new Map(node.outputs.map((name) => [name, followers(node.name, name)]))
      const operator = created(node, {
        ...deps.contextOf(node),
        emit: followers(node.name, undefined),
        emitTo: (output) => outputs.get(output) ?? unknownOutput(node, output),
      })
      operators.push(operator)
      const isEnd = !subTopology.nodes.some((each) => follows(each, node.name))
      processes.set(node.name, guarded(node.name, operator.process, deps.vitals, isEnd))
    }
  }
  const savers = operators.flatMap(({ beforeCommit }) => beforeCommit ?? [])
  return {
    entries,
    beforeCommit: () => {
      for (const save of savers) save()
    },
    close: () => {
      const failures: unknown[] = []
      for (const operator of operators.toReversed()) {
        try {
          operator.close?.()
        } catch (error) {
          failures.push(error)
        }
      }
      if (failures.length > 0) throw failures[0]
    },
  }
}

function created(node: ProcessorNode, context: OperatorContext): Operator {
  try {
    return node.create(context)
  } catch (error) {
    throw failureAt(node.name, error)
  }
}

function fanOut(targets: readonly Emit[]): Emit {
  const [first, second] = targets
  if (first === undefined) return nowhere
  if (second === undefined) return first
  return (key, value, timestampMs, headers) => {
    for (const target of targets) target(key, value, timestampMs, headers)
  }
}

/**
 * Names the step in the error, so that a dead letter says where processing failed, and counts what
 * comes to it. `isEnd`: nothing follows, so that a record has been through all here.
 */
function guarded(node: string, process: Emit, vitals: TaskVitals, isEnd: boolean): Emit {
  const counted = vitals.node(node, isEnd)
  const { latency } = counted
  if (latency === undefined) {
    return (key, value, timestampMs, headers) => {
      counted.processed += 1
      try {
        process(key, value, timestampMs, headers)
      } catch (error) {
        throw failureAt(node, error)
      }
    }
  }
  return (key, value, timestampMs, headers) => {
    counted.processed += 1
    try {
      process(key, value, timestampMs, headers)
    } catch (error) {
      throw failureAt(node, error)
    }
    latency.add(vitals.nowMs - timestampMs)
  }
}

/** The step a failure happened in, once it has passed through {@link compileGraph}'s calls. */
const failedNode = Symbol('failed node')

export function failureAt(node: string, error: unknown): unknown {
  if (error instanceof AssertionFailure) return error
  if (error instanceof KafkaError && error.code !== 'MESSAGE_TOO_LARGE') return error
  const failure = isStreamsError(error)
    ? error
    : new StreamsError('PROCESSING_FAILED', {
        message: `step "${node}" failed: ${messageOf(error)}`,
        hint: 'Mend the step, or let such records go to a dead-letter topic.',
        cause: error,
      })
  if (!(failedNode in failure)) Object.defineProperty(failure, failedNode, { value: node })
  return failure
}

export const nodeOfFailure = (error: unknown): string | undefined =>
  typeof error === 'object' && error !== null && failedNode in error
    ? String(error[failedNode])
    : undefined

function unknownOutput(node: ProcessorNode, output: string): never {
  throw new StreamsError('INVALID_TOPOLOGY', {
    message: `step "${node.name}" has no output "${output}"`,
    hint: 'Declare the side output where the step is added.',
  })
}

function compileSink(node: SinkNode, deps: CompileDependencies): Emit {
  const { collector, meta, applicationId } = deps
  const { target, partition } = node
  const write =
    (chosen: SinkTarget, topic: string): Emit =>
    (key, value, timestampMs, headers) => {
      const keyBytes = serialized(chosen.key, key, 'key', topic)
      const valueBytes = serialized(chosen.value, value, 'value', topic)
      const to =
        partition === undefined
          ? windowedPartition(chosen, keyBytes, topic, collector)
          : partitionFor(partition, key, value, topic, collector)
      collector.send(topic, to, timestampMs, keyBytes, valueBytes, headers)
    }
  if (typeof target !== 'function') return write(target, topicName(target.topic, applicationId))
  return (key, value, timestampMs, headers) => {
    const chosen = target(value, meta.at(key, timestampMs, headers))
    for (const { remote } of [chosen.key, chosen.value]) {
      if (remote?.isOpen === false) deps.openSerde(remote)
    }
    write(chosen, topicName(chosen.topic, applicationId))(key, value, timestampMs, headers)
  }
}

/** That of the key without its window; null for other keys, which the producer decides about. */
function windowedPartition(
  { key: { windowBytes }, topic: { internal } }: SinkTarget,
  keyBytes: Uint8Array | null,
  topic: string,
  collector: RecordCollector,
): number | null {
  if (windowBytes === undefined || keyBytes === null || internal) return null
  // Of a topic that was chosen a moment ago it is not known yet: such a key goes as it is.
  const count = collector.partitionCount(topic)
  if (count === undefined) return null
  return partitionForKey(keyBytes.subarray(0, keyBytes.length - windowBytes), count)
}

function partitionFor(
  partition: NonNullable<SinkNode['partition']>,
  key: unknown,
  value: unknown,
  topic: string,
  collector: RecordCollector,
): number {
  const count = collector.partitionCount(topic)
  if (count === undefined) {
    throw new StreamsError('TOPIC_MISSING', {
      message: `the partitions of topic "${topic}" are not known`,
      hint: 'Create the topic before the application starts: it is chosen by a partition function.',
    })
  }
  const chosen = partition(key, value, count)
  if (Number.isInteger(chosen) && chosen >= 0 && chosen < count) return chosen
  throw new RangeError(`partition ${chosen} is not one of the ${count} of topic "${topic}"`)
}

function serialized(
  serializer: Serializer<unknown>,
  value: unknown,
  what: string,
  topic: string,
): Uint8Array | null {
  if (value === null || value === undefined) return null
  try {
    return serializer.serialize(value)
  } catch (cause) {
    throw new StreamsError('SERDE_FAILED', {
      message: `the ${what} of a record for topic "${topic}" cannot be written`,
      hint: "Check that the topic's serde fits what the topology sends there.",
      cause,
    })
  }
}
