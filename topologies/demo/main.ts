import { randomUUID } from 'node:crypto'
import { systemClock } from '../../src/core/clock.ts'
import { isStreamsError, messageOf } from '../../src/core/errors.ts'
import type { TopicPartition } from '../../src/core/topic-partition.ts'
import { ensureTopics } from '../../src/kafka/client/topics.ts'
import orders, { commands, events, failed, payments, refused } from '../orders.ts'
import { closeAccount, type Account } from './account.ts'
import { openCluster, type DemoCluster } from './demo-cluster.ts'
import { demoOptions, demoUsage, type DemoOptions } from './demo-options.ts'
import { listenForEnd } from './ending.ts'
import { InputWriter } from './input-writer.ts'
import { Observer } from './observer.ts'
import { accountLines } from './screen.ts'
import { watch } from './watch.ts'
import { Workers } from './workers.ts'

const PARTITIONS = 4
const inputTopics = [commands.name, payments.name]
const outputTopics = [events.name, refused.name, failed.name]

const partitionsOf = (topics: readonly string[]): readonly TopicPartition[] =>
  topics.flatMap((topic) =>
    Array.from({ length: PARTITIONS }, (_, partition) => ({ topic, partition })),
  )

const say = (line: string): void => {
  process.stderr.write(`${line}\n`)
}

/**
 * Generated commands and payments go in, the orders service runs, and every record is accounted
 * for.
 */
async function demo(options: DemoOptions): Promise<Account> {
  const ending = listenForEnd()
  await using cluster = await openCluster(options.inMemory, say)
  await createTopics(cluster)
  const run = randomUUID()
  const writer = new InputWriter(cluster.port, systemClock, options, run)
  ending.input = writer
  const observer = new Observer(
    cluster.port,
    systemClock,
    orders.name,
    partitionsOf(inputTopics),
    partitionsOf(outputTopics),
  )
  await observer.start()
  const workers = new Workers(cluster, options.kill)
  try {
    const writing = writer.write()
    await Promise.all([
      writing,
      watch({ cluster: cluster.label, writer, workers, observer, options }),
    ])
    await workers.stop()
  } finally {
    await workers.kill()
    await observer.close()
  }
  if (writer.isStopped) say('Stopped: what was written so far is accounted for.')
  const topics = {
    inputs: inputTopics,
    events: events.name,
    rejected: refused.name,
    deadLetters: failed.name,
  }
  return await closeAccount(cluster.port, systemClock, topics, run)
}

async function createTopics({ port }: DemoCluster): Promise<void> {
  await port.connect()
  await ensureTopics(
    port,
    systemClock,
    [...inputTopics, ...outputTopics].map((name) => ({
      name,
      partitions: PARTITIONS,
      replicationFactor: -1,
      configs: {},
    })),
  )
}

/** Exit codes: 0 balanced, 1 not, or failed, 2 wrong options. */
async function main(): Promise<number> {
  const options = demoOptions(process.argv.slice(2))
  if (options === 'help') {
    process.stdout.write(`${demoUsage}\n`)
    return 0
  }
  const account = await demo(options)
  const { input, events: happened, rejected, deadLetters, balanced } = account
  const summary = { input, events: happened, rejected, deadLetters, balanced }
  const lines = options.json ? [JSON.stringify(summary)] : ['', ...accountLines(account)]
  process.stdout.write(`${lines.join('\n')}\n`)
  return balanced ? 0 : 1
}

try {
  process.exitCode = await main()
} catch (error) {
  const hint = isStreamsError(error) ? ` ${error.hint}` : ''
  process.stderr.write(`error: ${messageOf(error)}.${hint}\n`)
  process.exitCode = isStreamsError(error) && error.code === 'INVALID_CONFIG' ? 2 : 1
}
