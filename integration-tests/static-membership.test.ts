/** Static members on a real Kafka: who is back within its session has moved nothing. */
import { readFileSync } from 'node:fs'
import { describe, expect, inject, test } from 'vitest'
import { systemClock } from '../src/core/clock.ts'
import { connectTo, createTopics, uniqueName, write } from './support/kafka-client.ts'
import { Project, type Running } from './support/millrace-command.ts'
import { readAll } from './support/orders-account.ts'

const brokers = inject('kafkaBrokers')
const PARTITIONS = 4
const SESSION_MS = 12_000

const counting = (name: string): string => `
  import { json, string, topic, topology } from 'millrace'
  const clicks = topic('${name}.clicks', { key: string, value: json<number>() })
  const totals = topic('${name}.totals', { key: string, value: json<number>() })
  export default topology('${name}', (builder) => {
    builder.stream(clicks).groupByKey().count({ store: 'counts' }).toStream().to(totals)
  })`

interface Assigned {
  readonly thread: number
  readonly generation: number
  readonly active: readonly string[]
  readonly revoked: readonly string[]
}

/** What its threads were given, one after the other. */
const assignedOf = (log: string): readonly Assigned[] =>
  readFileSync(log, 'utf8')
    .split('\n')
    .filter((line) => line.includes('"msg":"assigned"'))
    .map((line) => JSON.parse(line) as Assigned)

/** The tasks of each thread now, by its last assignment. */
const tasksIn = (log: string): readonly (readonly string[])[] => {
  const last = new Map(assignedOf(log).map(({ thread, active }) => [thread, active]))
  return [...last].toSorted(([a], [b]) => a - b).map(([, active]) => active)
}

describe('a static member', { retry: 0 }, () => {
  test('that is stopped, or killed, and is back in time moves nothing', async () => {
    const name = uniqueName()
    await using port = await connectTo(brokers)
    await createTopics(port, [`${name}.clicks`, `${name}.totals`], PARTITIONS)
    using project = new Project({ 'counting.ts': counting(name) })
    let starts = 0
    const start = (id: string): { readonly log: string; readonly process: Running } => {
      starts += 1
      const log = project.path(`log-${starts}`)
      const args = ['run', 'counting.ts', '--brokers', brokers.join(','), '--instance-id', id]
      const more = ['--state-dir', `state-${id}`, '--session-timeout', `${SESSION_MS}ms`]
      const logging = ['--log-file', log, '--log-format', 'json', '--threads', '2']
      return { log, process: project.start([...args, ...more, ...logging]) }
    }
    const isRunning = (log: string): Promise<void> =>
      expect
        .poll(() => readFileSync(log, 'utf8'), { timeout: 60_000 })
        .toMatch(/"msg":"application running"[^\n]*\n(?![\s\S]*"msg":"application rebalancing")/)
    const clicked = async (count: number): Promise<void> => {
      const clicks = Array.from({ length: 100 }, (_, index) => [`key-${index}`, '1'] as const)
      await write(port, `${name}.clicks`, clicks)
      const totals = () => readAll(port, `${name}.totals`)
      await expect
        .poll(async () => (await totals()).length, { timeout: 30_000, interval: 100 })
        .toBe(count)
    }
    const other = start('b')
    await using _other = other.process
    const first = start('a')
    await using _first = first.process
    await expect
      .poll(() => tasksIn(other.log).flat().length, { timeout: 60_000 })
      .toBe(PARTITIONS / 2)
    await isRunning(first.log)
    await isRunning(other.log)
    await clicked(100)
    const before = assignedOf(other.log)
    let [log, process] = [first.log, first.process]
    for (const [signal, count] of [
      ['SIGTERM', 200],
      ['SIGKILL', 300],
    ] as const) {
      const tasks = tasksIn(log)
      process.signal(signal)
      await process.finished
      await systemClock.sleep(500)
      const again = start('a')
      ;[log, process] = [again.log, again.process]
      await isRunning(log)
      await clicked(count)
      expect(tasksIn(log)).toEqual(tasks)
      // Nobody else noticed: neither a generation nor a task is another one.
      expect(assignedOf(other.log)).toEqual(before)
      const { generation } = before.at(-1) as Assigned
      expect(assignedOf(log).map((each) => each.generation)).toEqual([generation, generation])
    }
    process.signal('SIGTERM')
    expect((await process.finished).code).toBe(0)
  })
})
