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
 * What to grant a user to whom Kafka has refused something for want of a right; undefined for other
 * refusals. What Kafka calls it is in the message of the error.
 */
export function missingRight({ code, message }: KafkaError): string | undefined {
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
    default:
      return undefined
  }
}

const grant = (right: string, resource: string): string =>
  `Grant this user ${right} on ${resource} (kafka-acls.sh --add --operation …): the guide's page on security lists what is needed.`
