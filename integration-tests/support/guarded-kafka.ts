import type { KafkaTools } from './kafka-tools.ts'
import {
  formattedKafka,
  type FormattedKafka,
} from '../../src/kafka/kafkajs/formatted-kafka.fixture.ts'
import { freePorts } from '../../src/dev/free-ports.ts'

/** A broker with an authorizer, for `await using`: `brokers` is where an admin gets in. */
export interface GuardedKafka extends FormattedKafka {
  /** Where users log in with PLAIN, and may do nothing that they were not granted. */
  readonly guarded: string
}

export const passwordOf = (user: string): string => `${user}'s password`

/** Whoever comes without a name is the admin: the broker itself, and the test. */
export async function guardedKafka(users: readonly string[]): Promise<GuardedKafka> {
  const [guarded] = (await freePorts(1)) as [number]
  const passwords = users.map((user) => `user_${user}="${passwordOf(user)}"`).join(' ')
  const login = 'org.apache.kafka.common.security.plain.PlainLoginModule'
  const kafka = await formattedKafka({
    args: [],
    properties: ({ client, controller }) => {
      const open = [`PLAINTEXT://127.0.0.1:${client}`, `GUARDED://127.0.0.1:${guarded}`]
      return Promise.resolve({
        listeners: [...open, `CONTROLLER://127.0.0.1:${controller}`].join(','),
        'advertised.listeners': open.join(','),
        'listener.security.protocol.map':
          'PLAINTEXT:PLAINTEXT,GUARDED:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT',
        'inter.broker.listener.name': 'PLAINTEXT',
        'sasl.enabled.mechanisms': 'PLAIN',
        'listener.name.guarded.plain.sasl.jaas.config': `${login} required ${passwords};`,
        'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
        'super.users': 'User:ANONYMOUS',
      })
    },
  })
  return { ...kafka, guarded: `127.0.0.1:${guarded}` }
}

/** One right: an operation on resources. */
export interface Grant {
  readonly user: string
  readonly operation: string
  readonly resources: readonly string[]
}

/** What the shell commands of a page grant, by user. */
export function grantsIn(page: string): readonly Grant[] {
  const blocks = [...page.matchAll(/^```sh\n([^]*?)^```/gm)].map((match) => match[1] as string)
  return blocks.flatMap((block) => {
    const user = /^allow="kafka-acls.sh .*--allow-principal User:(\w+)"$/m.exec(block)?.[1]
    if (user === undefined) return []
    const commands = block.replaceAll(/\\\n\s*/g, '').matchAll(/^\$allow (.*)$/gm)
    return [...commands].flatMap(([, text = '']) => {
      const words = text.split(/\s+/)
      const operations = words.filter((_, index) => words[index - 1] === '--operation')
      const resources = words.filter(
        (word, index) => word !== '--operation' && words[index - 1] !== '--operation',
      )
      return operations.map((operation) => ({ user, operation, resources }))
    })
  })
}

/** As the page has it, for several users at once. */
export const allow = (
  tools: KafkaTools,
  brokers: readonly string[],
  { operation, resources }: Grant,
  users: readonly string[],
): Promise<string> =>
  tools.run('kafka-acls.sh', [
    ...['--bootstrap-server', brokers.join(','), '--add'],
    ...users.flatMap((user) => ['--allow-principal', `User:${user}`]),
    ...['--operation', operation, ...resources],
  ])
