/**
 * What does a pattern cost a record, beside a passthrough of the same records? One JSON line a
 * case, in CPU time: a task with its stores in LMDB and no Kafka, so that nothing else is measured.
 *
 *     node --conditions=millrace-source benchmarks/patterns.ts [--only buffer] [--records 200000]
 *       [--cache]
 */
import { parseArgs } from 'node:util'
import { deadLetters, topology } from 'millrace'
import { LocalTask, type Sent } from './harness/local-task.ts'
import { input, other, output, patternCases, type PatternCase } from './harness/pattern-cases.ts'

const { values: options } = parseArgs({
  options: {
    only: { type: 'string' },
    records: { type: 'string', default: '200000' },
    cache: { type: 'boolean', default: false },
  },
})
const RECORDS = Number(options.records)
const START_MS = 1_700_000_000_000
const KEYS = 10_000
/** Between two commits, each with a checkpoint. */
const COMMIT_RECORDS = 20_000

const value = Buffer.from('{"paymentId":"p-1","customer":"c-1","amount":12.5,"currency":"EUR"}')

/** A key comes twice every twenty seconds of event time. */
function* payments(hasOther: boolean): Generator<Sent, never> {
  for (let at = 0; ; at++) {
    const key = `key-${(Math.floor(at / 2) * 7919) % KEYS}`
    const record = { key, value, timestampMs: START_MS + at }
    if (hasOther) yield { ...record, topic: other.name }
    yield { ...record, topic: input.name }
  }
}

async function measured(name: string, patternCase: PatternCase): Promise<object> {
  const { build, hasOther = false, isAsync = false } = patternCase
  const task = new LocalTask({
    topology: topology('patterns', { deadLetters: deadLetters('dead') }, (builder) => {
      build(builder.stream(input), builder)
    }),
    inputs: hasOther ? [input.name, other.name] : [input.name],
    output: output.name,
    commitRecords: COMMIT_RECORDS,
    ...(options.cache ? { cacheMaxBytes: 10 * 1024 * 1024 } : {}),
  })
  const sent = payments(hasOther)
  const next = (): Sent => sent.next().value
  const records = hasOther ? 2 * RECORDS : RECORDS
  const send = (): number | Promise<number> =>
    isAsync ? task.sendAwaiting(records, next) : task.send(records, next)
  await send()
  const before = task.outputs
  const cpuMicrosPerRecord = await send()
  const outputs = task.outputs - before
  await task.close()
  return { benchmark: 'patterns', case: name, records, outputs, cpuMicrosPerRecord }
}

for (const [name, patternCase] of Object.entries(patternCases)) {
  if (!name.includes(options.only ?? '')) continue
  process.stdout.write(`${JSON.stringify(await measured(name, patternCase))}\n`)
}
