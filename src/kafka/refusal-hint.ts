import type { KafkaError } from './port.ts'

/** What a request asks for, as its errors begin, and the right to the topic that it takes. */
const rightsToTopics: readonly (readonly [asked: RegExp, right: string])[] = [
  [/^producing to |^adding .* to transaction /, 'Write'],
  [/^fetching |^committing /, 'Read'],
  [/^describing topic /, 'DescribeConfigs'],
  [/^creating topic /, 'Create'],
  [/^deleting /, 'Delete'],
]

/**
 * What a person has to do about a refusal of Kafka that no other attempt makes good; undefined
 * where its message has to say all. For a missing right it is the operation to grant.
 */
export function refusalHint({ code, message }: KafkaError): string | undefined {
  switch (code) {
    case 'TOPIC_AUTHORIZATION_FAILED': {
      const right = rightsToTopics.find(([asked]) => asked.test(message))?.[1]
      return grant(right ?? 'Read (or Write, where it is written)', 'that topic')
    }
    case 'GROUP_AUTHORIZATION_FAILED':
      return grant(message.startsWith('deleting ') ? 'Delete' : 'Read', 'that group')
    case 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED':
      return grant('Write', 'transactional ids that begin with that name')
    case 'CLUSTER_AUTHORIZATION_FAILED':
      return grant(message.startsWith('creating ') ? 'Create' : 'IdempotentWrite', 'the cluster')
    case 'INVALID_SESSION_TIMEOUT':
      return 'Give a --session-timeout between group.min.session.timeout.ms and group.max.session.timeout.ms of the brokers.'
    case 'INVALID_TRANSACTION_TIMEOUT':
      return 'Give a --transaction-timeout of at most transaction.max.timeout.ms of the brokers.'
    case 'INVALID_REPLICATION_FACTOR':
      return 'Give a --replication-factor of at most the number of brokers.'
    case 'GROUP_MAX_SIZE_REACHED':
      return 'Run fewer threads and instances, or raise group.max.size of the brokers.'
    case 'MESSAGE_TOO_LARGE':
    case 'RECORD_LIST_TOO_LARGE':
      return 'Raise max.message.bytes of that topic (kafka-configs.sh), to 1048588 or more; records that large go to the dead letters.'
    default:
      return undefined
  }
}

const grant = (right: string, resource: string): string =>
  `Grant this user ${right} on ${resource} (kafka-acls.sh --add --operation …): the guide's page on security lists what is needed.`
