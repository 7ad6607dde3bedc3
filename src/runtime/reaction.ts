import { isStreamsError, StreamsError, type ErrorCode } from '../core/errors.ts'
import { refusalHint } from '../kafka/refusal-hint.ts'
import { KafkaError } from '../kafka/port.ts'

/**
 * What the runtime does about a failure.
 * - `record`: the record is at fault; its topology's failure policy decides.
 * - `migrated`: somebody else may own our work, or a commit's outcome is unknown: close tasks
 *   dirty,
 *   throw the producer away, resume from what is committed.
 * - `wipe-and-restore`: the local state cannot be trusted; rebuild it from the changelog.
 * - `stop`: a person has to act.
 */
export type Reaction = 'record' | 'migrated' | 'wipe-and-restore' | 'stop'

export function reactionTo(error: unknown): Reaction {
  if (error instanceof KafkaError) return reactionToKafka(error)
  if (isStreamsError(error)) return reactionToCode(isPending(error) ? 'SCHEMA_PENDING' : error.code)
  return 'stop'
}

/** A store or a sink says what it was doing when a schema was not known yet. */
const isPending = ({ cause }: StreamsError): boolean =>
  isStreamsError(cause) && cause.code === 'SCHEMA_PENDING'

function reactionToKafka(error: KafkaError): Reaction {
  switch (error.kind) {
    case 'retriable':
    case 'network':
    case 'stale-metadata':
    case 'rejoin':
    case 'fenced':
    case 'abortable':
      return 'migrated'
    case 'fatal':
      return 'stop'
  }
}

function reactionToCode(code: ErrorCode): Reaction {
  switch (code) {
    case 'SERDE_FAILED':
    case 'PROCESSING_FAILED':
    case 'RECORD_LATE':
    case 'QUEUE_FULL':
    case 'SCHEMA_MISSING':
      return 'record'
    case 'TASK_MIGRATED':
    case 'SCHEMA_PENDING':
    case 'REGISTRY_UNREACHABLE':
      return 'migrated'
    case 'TASK_CORRUPTED':
    case 'STATE_CORRUPTED':
      return 'wipe-and-restore'
    case 'INVALID_TOPOLOGY':
    case 'INVALID_CONFIG':
    case 'BUFFER_FULL':
    case 'TOPIC_MISSING':
    case 'TOPIC_MISMATCHED':
    case 'OFFSET_MISSING':
    case 'CHANGELOG_LOST':
    case 'STORE_MISSING':
    case 'STORE_UNAVAILABLE':
    case 'STATE_DIRECTORY_LOCKED':
    case 'STATE_DIRECTORY_UNUSABLE':
    case 'BROKER_UNREACHABLE':
    case 'BROKER_REFUSED':
    case 'RECORD_BATCH_CORRUPTED':
    case 'KAFKA_UNAVAILABLE':
    case 'THREAD_FAILED':
    case 'APPLICATION_STOPPED':
    case 'REDRIVE_STOPPED':
    case 'REPLAY_UNFINISHED':
    case 'GROUP_ACTIVE':
    case 'HTTP_ADDRESS_UNUSABLE':
    case 'SCHEMA_INCOMPATIBLE':
    case 'REGISTRY_REFUSED':
      return 'stop'
  }
}

/** A fatal answer of Kafka in our own words, for the person who has to act. */
export function explained(error: unknown): unknown {
  if (!(error instanceof KafkaError)) return error
  if (error.kind === 'network') {
    return new StreamsError('BROKER_UNREACHABLE', {
      message: `Kafka does not answer: ${error.message}`,
      hint: 'Check that the brokers run and that their advertised addresses can be reached from here.',
      cause: error,
    })
  }
  if (error.code === 'FENCED_INSTANCE_ID') {
    return new StreamsError('INVALID_CONFIG', {
      message: `another process has joined the group with the same instance id: ${error.message}`,
      hint: 'Give each process an instance id of its own (--instance-id).',
      cause: error,
    })
  }
  if (error.code === 'INCONSISTENT_GROUP_PROTOCOL') {
    return new StreamsError('GROUP_ACTIVE', {
      message: `members of another kind are in the group: ${error.message}`,
      hint: 'If the application is being replayed, wait until that is done. Else another program uses a group of this name: give one of them another.',
      cause: error,
    })
  }
  return new StreamsError('BROKER_REFUSED', {
    message: `Kafka refused a request: ${error.message}`,
    hint:
      refusalHint(error) ??
      'Check the permissions of this client and the limits of the topics it writes.',
    cause: error,
  })
}
