import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { javaCommand } from '../../src/dev/environment.ts'
import { kafkaDistribution } from '../../src/dev/kafka-distribution.ts'
import { streamsClassPath } from '../../src/dev/streams-distribution.fixture.ts'
import { repository } from './millrace-command.ts'

export const javaTestFlags = [
  ...['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Xmx256m'],
  '-Dorg.slf4j.simpleLogger.defaultLogLevel=error',
]

/** `kafka-acls.sh`, `kafka-console-producer.sh` and `kafka-console-consumer.sh`, as they are. */
export class KafkaTools implements AsyncDisposable {
  readonly #child
  readonly #answers

  private constructor(classPath: string) {
    const program = join(repository, 'integration-tests/support/KafkaTools.java')
    this.#child = spawn(javaCommand(), [...javaTestFlags, '-cp', classPath, program], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    this.#answers = createInterface(this.#child.stdout)[Symbol.asyncIterator]()
  }

  static async start(): Promise<KafkaTools> {
    const { classPath } = await kafkaDistribution(() => {})
    return new KafkaTools(`${await streamsClassPath()}:${classPath}`)
  }

  /** Resolves to what the tool wrote; rejects with that when it failed. */
  async run(tool: string, args: readonly string[], input = ''): Promise<string> {
    const words = [tool, input, ...args].map((word) => Buffer.from(word).toString('base64'))
    this.#child.stdin.write(`${words.join(' ')}\n`)
    const { value = '' } = (await this.#answers.next()) as { readonly value?: string }
    const [code = '', encoded = ''] = value.split(' ')
    const output = Buffer.from(encoded, 'base64').toString()
    if (code !== '0') throw new Error(`${tool} ${args.join(' ')} failed: ${output}`)
    return output
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#child, 'exit')
    this.#child.stdin.end()
    await ended
  }
}
