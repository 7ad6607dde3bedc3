import { randomBytes } from 'node:crypto'
import { systemClock } from '../../src/core/clock.ts'
import { isStreamsError, messageOf } from '../../src/core/errors.ts'
import { ensureTopics } from '../../src/kafka/client/topics.ts'
import { closeAccount } from './account.ts'
import type { Account, CaseStudy } from './case-study.ts'
import { openCluster, type DemoCluster } from './demo-cluster.ts'
import { demoOptions, demoUsage, type DemoOptions } from './demo-options.ts'
import { listenForEnd } from './ending.ts'
import { InputWriter } from './input-writer.ts'
import { Observer } from './observer.ts'
import { accountLines } from './screen.ts'
import { watch } from './watch.ts'
import { Workers } from './workers.ts'

const PARTITIONS = 4

const caseStudies: Readonly<Record<DemoOptions['name'], () => Promise<CaseStudy>>> = {
  orders: async () => (await import('./orders/orders-study.ts')).ordersStudy,
  risk: async () => (await import('./risk/risk-study.ts')).riskStudy,
}

const say = (line: string): void => {
  process.stderr.write(`${line}\n`)
}

/** Generated records go in, the service runs, and every record is accounted for. */
async function demo(options: DemoOptions): Promise<Account> {
  const ending = listenForEnd()
  const study = await caseStudies[options.name]()
  await using cluster = await openCluster(study, options.inMemory, say)
  await createTopics(cluster, study)
  const { port } = cluster
  const run = randomBytes(3).toString('hex')
  const follower = study.newFollower(run)
  const writer = new InputWriter({ port, clock: systemClock, study, options, run, follower })
  ending.input = writer
  const observer = new Observer(port, systemClock, study, PARTITIONS, follower)
  await observer.start()
  const workers = new Workers(cluster, study.file, options.kill)
  try {
    const watching = watch({
      ...{ study, partitions: PARTITIONS, cluster: cluster.label },
      ...{ writer, workers, observer, follower, options },
    })
    await Promise.all([writer.write(), watching])
    await workers.stop()
  } finally {
    await workers.kill()
    await observer.close()
    await writer.close()
  }
  if (writer.isStopped) say('Stopped: what was written so far is accounted for.')
  return await closeAccount(port, systemClock, study.newAudit(run))
}

async function createTopics({ port }: DemoCluster, study: CaseStudy): Promise<void> {
  await port.connect()
  const { inputs, loops, outputs } = study
  await ensureTopics(
    port,
    systemClock,
    [...inputs, ...loops, ...outputs.map(({ topic }) => topic)].map((name) => ({
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
  const { numbers, balanced } = account
  const lines = options.json
    ? [JSON.stringify({ ...numbers, balanced })]
    : ['', ...accountLines(account)]
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
