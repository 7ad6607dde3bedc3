/** A replay that dies half way, on a real Kafka: nobody resumes, and the next one goes on. */
import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest'
import { readTopic } from '../src/admin/read-topic.ts'
import { replay } from '../src/admin/replay/replay.ts'
import { loadTopology } from '../src/app/load-topology.ts'
import { systemClock } from '../src/core/clock.ts'
import { systemRandom } from '../src/core/random.ts'
import { KafkaError, type KafkaPort } from '../src/kafka/port.ts'
import { connectTo, createTopics, uniqueName, write } from './support/kafka-client.ts'
import { Project, type Running } from './support/millrace-command.ts'

const brokers = inject('kafkaBrokers')
const name = uniqueName()
const source = (spell: string): string => `
  import { json, string, topic, topology } from 'millrace'
  const words = topic('${name}.words', { key: string, value: string })
  const totals = topic('${name}.totals', { key: string, value: json<number>() })
  export default topology('${name}', (builder) => {
    builder
      .stream(words)
      .groupBy((word) => ${spell}, { name: 'by-word' })
      .count({ store: 'counts' })
      .toStream()
      .to(totals)
  })`
const project = new Project({
  'buggy.ts': source('word'),
  'words.ts': source('word.toLowerCase()'),
})
const environment = { MILLRACE_BROKERS: brokers.join(',') }

const run = (module: string): Running =>
  project.start(['run', module, '--session-timeout', '6s'], environment)

/** The latest total of each word. */
async function totals(port: KafkaPort): Promise<Readonly<Record<string, number>>> {
  const latest: Record<string, number> = {}
  for await (const { key, value } of readTopic(port, systemClock, `${name}.totals`, 'end')) {
    latest[String(Buffer.from(key ?? []))] = Number(String(Buffer.from(value ?? [])))
  }
  return latest
}

beforeAll(async () => {
  await using port = await connectTo(brokers)
  await createTopics(port, [`${name}.words`, `${name}.totals`], 2)
  const words = ['To', 'be', 'or', 'not', 'to', 'be']
  await write(
    port,
    `${name}.words`,
    words.map((word, index) => [`w-${index}`, word]),
  )
  await using app = run('buggy.ts')
  await vi.waitUntil(async () => (await totals(port))['be'] === 2, 60_000)
  app.signal('SIGTERM')
  await app.finished
})
afterAll(() => project[Symbol.dispose]())

test('instances refuse until it is run again, and it goes on', { retry: 0 }, async () => {
  await using port = await connectTo(brokers)
  const applicationId = name
  const topology = await loadTopology(project.path('words.ts'))
  // As a process that dies with its changelogs deleted and its offsets not set.
  let isDead = false
  const dying: KafkaPort = {
    ...port,
    deleteRecords: () => {
      isDead = true
      return Promise.reject(new KafkaError('NETWORK', 'network', 'ordered by the test'))
    },
    offsetCommit: (...request) =>
      isDead
        ? Promise.reject(new KafkaError('NETWORK', 'fatal', 'ordered by the test'))
        : port.offsetCommit(...request),
  }
  const clock = {
    ...systemClock,
    nowMs: () => systemClock.nowMs() + (isDead ? 3_600_000 : 0),
  }
  const deps = { port: dying, clock, random: systemRandom, topology, applicationId }
  await expect(replay(deps, { to: 'earliest' }, () => true)).rejects.toMatchObject({
    code: 'REPLAY_UNFINISHED',
  })
  expect((await port.metadata([`${name}-counts-changelog`])).size).toBe(0)

  const refused = await run('words.ts').finished
  expect(refused.code).toBe(2)
  expect(refused.stderr).toMatch(/^error REPLAY_UNFINISHED: replay .* has not ended: /)
  const half = await project.millrace(
    ['replay', 'words.ts', '--to-earliest', '--keep-state', '--yes'],
    environment,
  )
  expect(half).toMatchObject({ code: 2 })
  expect(half.stderr).toContain('REPLAY_UNFINISHED')

  const resumed = await project.millrace(
    ['replay', 'words.ts', '--to-earliest', '--yes'],
    environment,
  )
  expect(resumed).toMatchObject({ code: 0, stderr: '' })
  expect(resumed.stdout).toContain('A replay of it was interrupted: this one goes on where it was.')
  await using app = run('words.ts')
  await vi.waitUntil(async () => (await totals(port))['to'] === 2, 60_000)
  expect(await totals(port)).toEqual({ To: 1, be: 2, or: 1, not: 1, to: 2 })
  app.signal('SIGTERM')
  expect((await app.finished).code).toBe(0)
})
