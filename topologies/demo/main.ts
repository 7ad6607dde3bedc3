import { randomUUID } from 'node:crypto'
import { systemClock } from '../../src/core/clock.ts'
import { isStreamsError, messageOf, StreamsError } from '../../src/core/errors.ts'
import type { TopicPartition } from '../../src/core/topic-partition.ts'
import { ensureTopics } from '../../src/kafka/client/topics.ts'
import orders, { commands, events, failed, payments, refused } from '../orders.ts'
import { closeAccount, type Account } from './account.ts'
import { openCluster, type DemoCluster } from './demo-cluster.ts'
import { demoOptions, demoUsage, type DemoOptions } from './demo-options.ts'
import { InputWriter } from './input-writer.ts'
import type { Instance } from './instance.ts'
import { Observer, type Seen } from './observer.ts'
import { accountLines, progressLine, screenOf, type View } from './screen.ts'

const PARTITIONS = 4
const LOOK_MS = 250
const FIRST_KILL_MS = 2_500
const KILL_EVERY_MS = 3_000
const inputTopics = [commands.name, payments.name]
const outputTopics = [events.name, refused.name, failed.name]

const partitionsOf = (topics: readonly string[]): readonly TopicPartition[] =>
  topics.flatMap((topic) =>
    Array.from({ length: PARTITIONS }, (_, partition) => ({ topic, partition })),
  )

/** Generated commands and payments go in, the orders service runs, and every record is accounted for. */
async function demo(options: DemoOptions): Promise<Account> {
  const say = (line: string): void => {
    process.stderr.write(`${line}\n`)
  }
  await using cluster = await openCluster(options.inMemory, say)
  await createTopics(cluster)
  const run = randomUUID()
  const writer = new InputWriter(cluster.port, systemClock, options, run)
  const observer = new Observer(
    cluster.port,
    systemClock,
    orders.name,
    partitionsOf(inputTopics),
    partitionsOf(outputTopics),
  )
  await observer.start()
  let wasStopped = false
  process.once('SIGINT', () => {
    wasStopped = true
    writer.stop()
  })
  const worker = new Workers(cluster, options.kill)
  try {
    const writing = writer.write()
    await watch(writing, writer, worker, observer, cluster.label, options)
    await writing
    await worker.stop()
  } finally {
    await worker.kill()
    await observer.close()
  }
  if (wasStopped) say('Stopped: what was written so far is accounted for.')
  const topics = {
    inputs: inputTopics,
    events: events.name,
    rejected: refused.name,
    deadLetters: failed.name,
  }
  return await closeAccount(cluster.port, systemClock, topics, run)
}

/** The one instance of the demo, and its killer. */
class Workers {
  readonly #cluster: DemoCluster
  readonly #isKilling: boolean
  #instance: Instance
  #nextKillMs: number
  kills = 0

  constructor(cluster: DemoCluster, isKilling: boolean) {
    this.#cluster = cluster
    this.#isKilling = isKilling
    this.#instance = cluster.startInstance()
    this.#nextKillMs = systemClock.nowMs() + FIRST_KILL_MS
  }

  get state(): string {
    const failure = this.#instance.failure()
    if (failure === undefined) return this.#instance.state()
    throw new StreamsError('THREAD_FAILED', {
      message: failure,
      hint: 'Run it by hand to see more: `npx millrace run topologies/orders.ts`.',
    })
  }

  async killIfDue(): Promise<void> {
    if (!this.#isKilling || systemClock.nowMs() < this.#nextKillMs) return
    await this.#instance.kill()
    this.kills += 1
    this.#instance = this.#cluster.startInstance()
    this.#nextKillMs = systemClock.nowMs() + KILL_EVERY_MS
  }

  stop(): Promise<void> {
    return this.#instance.stop()
  }

  kill(): Promise<void> {
    return this.#instance.kill()
  }
}

/** Shows what happens until all that was written has been processed. */
async function watch(
  writing: Promise<void>,
  writer: InputWriter,
  worker: Workers,
  observer: Observer,
  cluster: string,
  options: DemoOptions,
): Promise<void> {
  const startedAtMs = systemClock.nowMs()
  let written = false
  writing.then(
    () => (written = true),
    () => (written = true),
  )
  let before = { outputs: 0, atMs: startedAtMs }
  let saidAtMs = 0
  for (;;) {
    const isWritten = written
    const seen = await observer.look()
    const nowMs = systemClock.nowMs()
    const outputs = outputsIn(seen)
    const view: View = {
      cluster,
      state: worker.state,
      kills: worker.kills,
      seconds: (nowMs - startedAtMs) / 1_000,
      written: writer.written,
      wanted: options.records,
      input: writer.latest,
      seen,
      outputRate: ((outputs - before.outputs) * 1_000) / Math.max(1, nowMs - before.atMs),
    }
    before = { outputs, atMs: nowMs }
    saidAtMs = show(view, options, nowMs, saidAtMs)
    if (isWritten && seen.lag === 0) return
    await worker.killIfDue()
    await systemClock.sleep(LOOK_MS)
  }
}

const outputsIn = ({ events: happened, rejected, deadLetters }: Seen): number =>
  happened + rejected + deadLetters

/** A screen on a terminal, else a line every two seconds; returns when it last wrote a line. */
function show(view: View, options: DemoOptions, nowMs: number, saidAtMs: number): number {
  if (process.stdout.isTTY && !options.json) {
    process.stdout.write(`\u001b[H\u001b[2J${screenOf(view).join('\n')}\n`)
    return nowMs
  }
  if (nowMs - saidAtMs < 2_000) return saidAtMs
  process.stderr.write(`${progressLine(view)}\n`)
  return nowMs
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

async function main(): Promise<number> {
  const options = demoOptions(process.argv.slice(2))
  if (options === 'help') {
    process.stdout.write(`${demoUsage}\n`)
    return 0
  }
  const account = await demo(options)
  const { input, events: happened, rejected, deadLetters, balanced } = account
  const summary = { input, events: happened, rejected, deadLetters, balanced }
  const lines = options.json ? [JSON.stringify(summary)] : accountLines(account)
  process.stdout.write(`${lines.join('\n')}\n`)
  return balanced ? 0 : 1
}

try {
  process.exitCode = await main()
} catch (error) {
  const hint = isStreamsError(error) ? ` ${error.hint}` : ''
  process.stderr.write(`error: ${messageOf(error)}.${hint}\n`)
  process.exitCode = 1
}
