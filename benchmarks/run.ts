/**
 * What does a record cost, and how long does it take? One JSON line a workload. Linux only, because
 * the cost of a process is read from /proc.
 *
 *     npm run bench -- [--workloads W0,W1,W4] [--records 500000] [--keys 1000000] [--no-latency]
 */
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { systemClock } from '../src/core/clock.ts'
import { silentLogger } from '../src/core/logger.ts'
import { startKafka } from '../src/dev/kafka.ts'
import { kafkajsPort } from '../src/kafka/kafkajs/kafkajs-port.ts'
import { measureLatency } from './harness/latency.ts'
import type { PeerRun } from './harness/peer-environment.ts'
import { measureThroughput } from './harness/throughput.ts'
import { makeJoinInput } from './harness/payments.ts'
import { measureRestore } from './harness/restore.ts'
import { makeInput } from './harness/topics.ts'
import { customersOf, hasLatency, workloads, type Workload } from './harness/workloads.ts'

const { values: options } = parseArgs({
  options: {
    workloads: { type: 'string', default: workloads.join() },
    records: { type: 'string', default: '500000' },
    keys: { type: 'string', default: '1000000' },
    'no-latency': { type: 'boolean', default: false },
  },
})
type Input = Pick<PeerRun, 'input' | 'input2'> & { readonly startMs: number }

const records = Number(options.records)
const wanted = options.workloads.split(',').map((name) => {
  const workload = workloads.find((each) => each === name)
  if (workload === undefined) throw new Error(`"${name}" is none of ${workloads.join(', ')}`)
  return workload
})

const say = (line: string): void => void process.stderr.write(`${line}\n`)
await using kafka = await startKafka({ onProgress: say })
const connection = { brokers: kafka.brokers, clientId: 'benchmark' }
const port = kafkajsPort(connection, { logger: silentLogger, clock: systemClock })
await port.connect()
const inputs = new Map<string, Input>()
let failed = false
for (const workload of wanted) {
  if (workload === 'W5') {
    say('W5: restore')
    const input = { input: `bench-in-${randomUUID()}` }
    const restore = await withPeer(workload, input, (run) =>
      measureRestore(port, run, Number(options.keys)),
    )
    print({ benchmark: workload, ...restore }, restore.correct)
    continue
  }
  say(`${workload}: throughput`)
  const { startMs, ...topics } = await inputOf(workload)
  const throughput = await withPeer(workload, topics, (run) =>
    measureThroughput(port, run, { records, startMs }),
  )
  const line: object = { benchmark: workload, records, ...throughput }
  if (options['no-latency'] || !hasLatency(workload)) {
    print(line, throughput.correct)
  } else {
    say(`${workload}: latency`)
    const latency = await withPeer(workload, { input: `bench-in-${randomUUID()}` }, (run) =>
      measureLatency(port, run),
    )
    print({ ...line, latency }, throughput.correct && latency.correct)
  }
}
await port.close()
process.exitCode = failed ? 1 : 0

/** Made once, for all workloads that read the same. */
async function inputOf(workload: Workload): Promise<Input> {
  const customers = customersOf(workload)
  const kind = workload === 'W4' ? 'join' : `orders of ${customers} customers`
  const known = inputs.get(kind)
  if (known !== undefined) return known
  say(`writing ${records} records`)
  const [input, input2] = [`bench-in-${randomUUID()}`, `bench-in-${randomUUID()}`]
  const made =
    workload === 'W4'
      ? { input, input2, startMs: await makeJoinInput(port, input, input2, records) }
      : { input, startMs: await makeInput(port, input, { records, customers }) }
  inputs.set(kind, made)
  return made
}

function print(line: object, correct: boolean): void {
  failed ||= !correct
  process.stdout.write(`${JSON.stringify({ ...line, correct })}\n`)
}

async function withPeer<T>(
  workload: Workload,
  topics: Pick<PeerRun, 'input' | 'input2'>,
  measure: (run: PeerRun) => Promise<T>,
): Promise<T> {
  const name = `bench-${randomUUID()}`
  const stateDirectory = await mkdtemp(join(tmpdir(), 'millrace-bench-'))
  const { brokers } = kafka
  const output = `${name}-out`
  try {
    return await measure({ brokers, workload, name, ...topics, output, stateDirectory })
  } finally {
    const topics = [...(await port.metadata('all')).keys()]
    await port.deleteTopics(topics.filter((topic) => topic.startsWith(name)))
    await rm(stateDirectory, { recursive: true, force: true })
  }
}
