/**
 * What does a record cost, and how long does it take? One JSON line a workload. Linux only, because
 * the cost of a process is read from /proc.
 *
 *     npm run bench -- [--workloads W0,W1,W2] [--records 500000] [--no-latency]
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
import { measureThroughput } from './harness/throughput.ts'
import { makeInput } from './harness/topics.ts'
import { workloads, type Workload } from './harness/workloads.ts'

const { values: options } = parseArgs({
  options: {
    workloads: { type: 'string', default: workloads.join() },
    records: { type: 'string', default: '500000' },
    'no-latency': { type: 'boolean', default: false },
  },
})
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
const input = `bench-in-${randomUUID()}`
say(`writing ${records} records`)
const startMs = await makeInput(port, input, records)
let failed = false
for (const workload of wanted) {
  say(`${workload}: throughput`)
  const throughput = await withPeer(workload, input, (run) =>
    measureThroughput(port, run, { records, startMs }),
  )
  const line: object = { benchmark: workload, records, ...throughput }
  if (options['no-latency']) {
    print(line, throughput.correct)
  } else {
    say(`${workload}: latency`)
    const latency = await withPeer(workload, `bench-in-${randomUUID()}`, (run) =>
      measureLatency(port, run),
    )
    print({ ...line, latency }, throughput.correct && latency.correct)
  }
}
await port.close()
process.exitCode = failed ? 1 : 0

function print(line: object, correct: boolean): void {
  failed ||= !correct
  process.stdout.write(`${JSON.stringify({ ...line, correct })}\n`)
}

async function withPeer<T>(
  workload: Workload,
  inputTopic: string,
  measure: (run: Parameters<typeof measureLatency>[1]) => Promise<T>,
): Promise<T> {
  const name = `bench-${randomUUID()}`
  const stateDirectory = await mkdtemp(join(tmpdir(), 'millrace-bench-'))
  const { brokers } = kafka
  const output = `${name}-out`
  try {
    return await measure({ brokers, workload, name, input: inputTopic, output, stateDirectory })
  } finally {
    const topics = [...(await port.metadata('all')).keys()]
    await port.deleteTopics(topics.filter((topic) => topic.startsWith(name)))
    await rm(stateDirectory, { recursive: true, force: true })
  }
}
