/** `millrace topology diagram` and `check`, as in a project and beside a real Kafka. */
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, inject, test, vi } from 'vitest'
import { connectTo, createTopics, uniqueName, write } from './support/kafka-client.ts'
import { Project, type Finished } from './support/millrace-command.ts'

const brokers = inject('kafkaBrokers').join(',')
const name = uniqueName()

const counting = (store: string): string => `
  import { string, topic, topology } from 'millrace'
  const words = topic('${name}.words', { key: string, value: string })
  export default topology('${name}', (builder) => {
    builder.stream(words).groupBy((word) => word, { name: 'by-word' }).count({ store: '${store}' })
  })`

const project = new Project({ 'words.ts': counting('counts') })
afterAll(() => project[Symbol.dispose]())

const topologyCommand = (...args: readonly string[]): Promise<Finished> =>
  project.millrace(['topology', ...args])

describe('millrace topology diagram', () => {
  test('draws beside where it is called, where it is told, or to standard output', async () => {
    expect(await topologyCommand('diagram', 'words.ts')).toEqual({
      code: 0,
      stdout: `${name} is drawn in ${name}.svg\n`,
      stderr: '',
    })
    const svg = readFileSync(project.path(`${name}.svg`), 'utf8')
    expect(svg).toContain('>counts<')
    await topologyCommand('diagram', 'words.ts', '--out', 'words.svg')
    expect(readFileSync(project.path('words.svg'), 'utf8')).toBe(svg)
    expect((await topologyCommand('diagram', 'words.ts', '--out', '-')).stdout).toBe(svg)
  })

  test('says where it cannot draw', async () => {
    const { code, stderr } = await topologyCommand('diagram', 'words.ts', '--out', 'no/where.svg')
    expect(code).toBe(2)
    expect(stderr).toContain('no/where.svg cannot be written')
  })
})

describe('millrace topology check, beside a lock', () => {
  test('says that there is none, writes it, and agrees with it', async () => {
    const missing = await topologyCommand('check', 'words.ts')
    expect(missing.code).toBe(2)
    expect(missing.stderr).toContain('there is no lock words.lock.json to compare with')
    expect(await topologyCommand('check', 'words.ts', '--write')).toEqual({
      code: 0,
      stdout: 'words.lock.json is written\n',
      stderr: '',
    })
    expect(await topologyCommand('check', 'words.ts')).toEqual({
      code: 0,
      stdout: `${name} is compatible with words.lock.json\n`,
      stderr: '',
    })
  })

  test('tells a store that was renamed by its exit code, and why', async () => {
    project.write('renamed.ts', counting('word-counts'))
    const found = await topologyCommand('check', 'renamed.ts', '--lock', 'words.lock.json')
    expect(found.code).toBe(4)
    expect(found.stdout.split('\n').slice(0, 2)).toEqual([
      `${name} would lose state beside words.lock.json`,
      '  loss   store "counts" is gone',
    ])
    const asJson = await topologyCommand(
      ...['check', 'renamed.ts', '--lock', 'words.lock.json', '--json'],
    )
    expect(asJson.code).toBe(4)
    expect(JSON.parse(asJson.stdout)).toMatchObject({ verdict: 'loss', written: null })
  })

  test('refuses a lock that is none', async () => {
    project.write('broken.lock.json', '{}')
    const found = await topologyCommand('check', 'words.ts', '--lock', 'broken.lock.json')
    expect(found.code).toBe(2)
    expect(found.stderr).toContain('broken.lock.json is no lock of a topology')
  })
})

describe('millrace topology check, beside a cluster', () => {
  beforeAll(async () => {
    await using port = await connectTo(inject('kafkaBrokers'))
    await createTopics(port, [`${name}.words`], 2)
    await write(port, `${name}.words`, [
      ['1', 'tea'],
      ['2', 'tea'],
      ['3', 'cocoa'],
    ])
    await using app = project.start(['run', 'words.ts', '--brokers', brokers])
    const held = async (): Promise<boolean> =>
      (await topologyCommand('check', 'words.ts', '--brokers', brokers)).stdout.includes('at work')
    await vi.waitUntil(held, { timeout: 60_000, interval: 500 })
    await app.says('running')
    await vi.waitUntil(
      async () => {
        const changelog = `${name}-counts-changelog`
        const partitions = [0, 1].map((partition) => ({ topic: changelog, partition }))
        const ends = await port.listOffsets(partitions, 'latest', 'read_committed')
        return [...ends.values()].some((end) => (end ?? 0) > 0)
      },
      { timeout: 60_000, interval: 500 },
    )
    app.signal('SIGTERM')
    await app.finished
  })

  test('finds what the topology left there', async () => {
    const found = await topologyCommand('check', 'words.ts', '--brokers', brokers)
    expect(found).toMatchObject({
      code: 0,
      stdout: `${name} is compatible with words.lock.json and the cluster\n`,
    })
  })

  test('finds rows that another version would leave behind, also without a lock', async () => {
    const found = await topologyCommand('check', 'renamed.ts', '--brokers', brokers)
    expect(found.code).toBe(4)
    expect(found.stdout).toContain(
      `topic "${name}-counts-changelog" holds the rows of a store that the topology does not have`,
    )
  })

  test('cannot begin where no broker answers', async () => {
    const found = await topologyCommand('check', 'words.ts', '--brokers', '127.0.0.1:1')
    expect(found.code).toBe(2)
    expect(found.stderr).toContain('BROKER_UNREACHABLE')
  })
})
