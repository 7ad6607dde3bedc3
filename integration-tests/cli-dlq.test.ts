/** `millrace dlq` against a dead-letter topic that an application has written. */
import { afterAll, beforeAll, describe, expect, inject, test, vi } from 'vitest'
import { connectTo, createTopics, uniqueName, write } from './support/kafka-client.ts'
import { Project, type Finished } from './support/millrace-command.ts'

const brokers = inject('kafkaBrokers')
const name = uniqueName()
const letters = `${name}.failed`
const project = new Project({
  'prices.ts': `
    import { deadLetters, json, string, topic, topology } from 'millrace'
    const prices = topic('${name}.prices', { key: string, value: json<{ cents: number }>() })
    const checked = topic('${name}.checked', { key: string, value: json<{ cents: number }>() })
    export default topology('${name}', { deadLetters: deadLetters('${letters}') }, (builder) => {
      builder
        .stream(prices)
        .peek(({ cents }) => {
          if (cents < 0) throw new RangeError('nobody pays ' + cents)
        })
        .to(checked)
    })`,
  'no-letters.ts': `
    import { bytes, topic, topology } from 'millrace'
    const source = topic('a', { key: bytes, value: bytes })
    export default topology('none', (builder) => builder.stream(source))`,
})

const dlq = (...args: readonly string[]): Promise<Finished> =>
  project.millrace(['dlq', ...args], { MILLRACE_BROKERS: brokers.join(',') })

const objects = ({ stdout }: Finished): readonly Record<string, unknown>[] =>
  stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>)

beforeAll(async () => {
  await using port = await connectTo(brokers)
  await createTopics(port, [`${name}.prices`, `${name}.checked`, letters], 1)
  await write(port, `${name}.prices`, [
    ['tea', '{"cents":650}'],
    ['cocoa', '{"cents":'],
    ['coffee', '{"cents":-1}'],
    ['mate', '{"cents":-2}'],
  ])
  await using app = project.start(['run', 'prices.ts', '--brokers', brokers.join(',')])
  const count = async (): Promise<number> =>
    objects(await dlq('list', letters, '--json')).reduce((sum, { count }) => sum + Number(count), 0)
  await vi.waitUntil(async () => (await count()) === 3, { timeout: 60_000, interval: 500 })
  app.signal('SIGTERM')
  await app.finished
})
afterAll(() => project[Symbol.dispose]())

describe('millrace dlq list', () => {
  test('counts by source, step and error, the most frequent first', async () => {
    const { code, stdout, stderr } = await dlq('list', 'prices.ts')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const withoutTimes = stdout.replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'WHEN')
    expect(withoutTimes.split('\n')).toEqual([
      `${letters}: 3 dead letters`,
      `       2  ${name}.prices  peek-1  PROCESSING_FAILED  RangeError  WHEN`,
      '          nobody pays -2',
      `       1  ${name}.prices  source(${name}.prices)  SERDE_FAILED  SyntaxError  WHEN`,
      '          Unexpected end of JSON input',
      '',
    ])
  })

  test('takes the name of the topic instead of the module, and filters', async () => {
    const byCode = await dlq('list', letters, '--error', 'SERDE_FAILED')
    expect(byCode.stdout.split('\n')[0]).toBe(`${letters}: 1 dead letter`)
    const byException = await dlq('list', letters, '--error', 'RangeError', '--node', 'peek-1')
    expect(byException.stdout.split('\n')[0]).toBe(`${letters}: 2 dead letters`)
    const byTopic = await dlq('list', letters, '--topic', 'another')
    expect(byTopic.stdout).toBe(`${letters}: 0 dead letters\n`)
  })

  test('of what is not there could not begin', async () => {
    expect(await dlq('list', `${name}.nothing`)).toEqual({
      code: 2,
      stdout: '',
      stderr: `error TOPIC_MISSING: there is no topic "${name}.nothing". Check the name and the brokers.\n`,
    })
    expect(await dlq('list', 'no-letters.ts')).toEqual({
      code: 2,
      stdout: '',
      stderr:
        'error INVALID_TOPOLOGY: topology "none" has no dead-letter topic. ' +
        "Give it one: `topology(name, { deadLetters: deadLetters('…') }, …)`.\n",
    })
  })
})

describe('millrace dlq show', () => {
  test('decodes with the serdes of the topology, and shows bytes that they cannot read', async () => {
    const { code, stdout } = await dlq('show', 'prices.ts')
    expect(code).toBe(0)
    const withoutTimes = stdout.replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'WHEN')
    expect(withoutTimes.split('\n').slice(0, 12)).toEqual([
      `partition 0 offset 0: from ${name}.prices-0 offset 1`,
      '  error    SERDE_FAILED SyntaxError: Unexpected end of JSON input',
      `  at       step source(${name}.prices), task 0_0, attempt 1`,
      '  written  WHEN',
      '  key      cocoa',
      '  value    {"cents":',
      `partition 0 offset 1: from ${name}.prices-0 offset 2`,
      '  error    PROCESSING_FAILED RangeError: nobody pays -1',
      '  at       step peek-1, task 0_0, attempt 1',
      '  written  WHEN',
      '  key      coffee',
      '  value    {"cents":-1}',
    ])
  })

  test('is one JSON object a letter, the value decoded', async () => {
    const [first, second, ...others] = objects(await dlq('show', 'prices.ts', '--json'))
    expect(others).toHaveLength(1)
    expect(first).toMatchObject({ key: 'cocoa', value: '{"cents":', code: 'SERDE_FAILED' })
    expect(second).toMatchObject({
      at: { partition: 0, offset: 1 },
      topic: `${name}.prices`,
      partition: 0,
      offset: 2,
      key: 'coffee',
      value: { cents: -1 },
      headers: [],
      code: 'PROCESSING_FAILED',
      exception: 'RangeError',
      message: 'nobody pays -1',
      node: 'peek-1',
      task: '0_0',
      application: name,
      attempts: 1,
    })
  })

  test('gives raw bytes, as many letters as asked for, and stack traces', async () => {
    const raw = objects(await dlq('show', 'prices.ts', '--json', '--raw', '--limit', '1'))
    expect(raw).toHaveLength(1)
    expect(raw[0]).toMatchObject({
      key: Buffer.from('cocoa').toString('hex'),
      value: Buffer.from('{"cents":').toString('hex'),
    })
    const stack = await dlq('show', letters, '--error', 'RangeError', '--limit', '1', '--stack')
    expect(stack.stdout).toMatch(/\n {2}RangeError: nobody pays -1\n {6}at .*prices\.ts:\d+/)
    expect(await dlq('show', letters, '--limit', '0')).toEqual({ code: 0, stdout: '', stderr: '' })
  })
})

describe('millrace dlq stats', () => {
  test('counts over time, for a person and for a program', async () => {
    const { code, stdout } = await dlq('stats', 'prices.ts', '--by', '365d')
    expect(code).toBe(0)
    const [year, ...rest] = stdout.split('\n')
    expect(year).toMatch(/^20\d\d-\d\d-\d\dT00:00:00\.000Z$/)
    expect(rest).toEqual([
      `       2  ${name}.prices  peek-1  PROCESSING_FAILED  RangeError`,
      `       1  ${name}.prices  source(${name}.prices)  SERDE_FAILED  SyntaxError`,
      '',
    ])
    const rows = objects(await dlq('stats', letters, '--json', '--error', 'SERDE_FAILED'))
    expect(rows).toMatchObject([{ topic: `${name}.prices`, code: 'SERDE_FAILED', count: 1 }])
  })
})

describe('filters', () => {
  const keys = async (...filter: readonly string[]): Promise<readonly unknown[]> =>
    objects(await dlq('show', 'prices.ts', '--json', ...filter)).map(({ key }) => key)

  test('take an expression over what is decoded, or a module', async () => {
    expect(await keys('--where', 'value.cents < -1')).toEqual(['mate'])
    expect(await keys('--where', "key === 'coffee' || letter.code === 'SERDE_FAILED'")).toEqual([
      'cocoa',
      'coffee',
    ])
    project.write('cheap.ts', 'export default ({ value }) => value.cents === -1')
    expect(await keys('--where', 'cheap.ts')).toEqual(['coffee'])
    expect(await keys('--key', 'mate')).toEqual(['mate'])
    expect(await keys('--header', 'trace')).toEqual([])
  })

  test('that are a slip choose nothing', async () => {
    for (const [where, why] of [
      ['value.cents.toFixed()', 'error INVALID_CONFIG: --where throws TypeError: '],
      ["value.type = 'x'", 'error INVALID_CONFIG: --where throws TypeError: '],
      ['value', 'error INVALID_CONFIG: --where is '],
      ['value ==', 'error INVALID_CONFIG: --where is neither an expression nor a module: '],
      ['process.exit(3)', 'error INVALID_CONFIG: --where throws ReferenceError: process '],
    ] as const) {
      const { code, stdout, stderr } = await dlq('redrive', 'prices.ts', '--where', where)
      expect([where, code, stdout]).toEqual([where, 2, ''])
      expect(stderr).toContain(why)
    }
  })
})

describe('millrace dlq redrive', () => {
  test('says what it would send, sends it once, and knows what is pending', async () => {
    const some = ['redrive', 'prices.ts', '--error', 'RangeError'] as const
    const dry = await dlq(...some, '--dry-run')
    expect(dry).toEqual({
      code: 0,
      stderr: '',
      stdout: [
        `${letters}: 2 letters would be sent again`,
        `       2  to ${name}.prices-0`,
        '       1  left out by the filters',
        '',
      ].join('\n'),
    })
    expect((await dlq(...some)).stdout).toContain(`${letters}: 2 letters sent again\n`)
    const again = await dlq(...some, '--json')
    expect(JSON.parse(again.stdout)).toMatchObject({ redriven: 0, earlier: 2, others: 1 })
    expect(objects(await dlq('show', letters, '--json', '--pending'))).toMatchObject([
      { key: 'cocoa' },
    ])
  })

  test('refuses letters that were sent too often, and says so with its exit code', async () => {
    const count = async (): Promise<number> =>
      objects(await dlq('show', letters, '--json', '--limit', '99')).length
    await using app = project.start(['run', 'prices.ts', '--brokers', brokers.join(',')])
    await vi.waitUntil(async () => (await count()) === 5, { timeout: 60_000, interval: 500 })
    app.signal('SIGTERM')
    await app.finished
    const { code, stdout } = await dlq('redrive', letters, '--max-redrives', '1')
    expect(code).toBe(1)
    expect(stdout.split('\n')).toEqual([
      `${letters}: 1 letter sent again`,
      `       1  to ${name}.prices-0`,
      `       2  sent before, as "${letters}-redrive" remembers`,
      '       2  refused: sent too often',
      '',
    ])
  })
})

describe('millrace topology describe', () => {
  test('prints the steps, for a person and for a program', async () => {
    const text = await project.millrace(['topology', 'describe', 'prices.ts'])
    expect(text).toEqual({
      code: 0,
      stderr: '',
      stdout: [
        `Topology: ${name}`,
        '  Sub-topology: 0',
        `    Source: source(${name}.prices) (topics: [${name}.prices])`,
        '      --> peek-1',
        '    Processor: peek-1 (stores: [])',
        `      --> sink(${name}.checked)`,
        `      <-- source(${name}.prices)`,
        `    Sink: sink(${name}.checked) (topic: ${name}.checked)`,
        '      <-- peek-1',
        '',
        '',
      ].join('\n'),
    })
    const json = await project.millrace(['topology', 'describe', 'prices.ts', '--json'])
    expect(JSON.parse(json.stdout)).toMatchObject({
      name,
      deadLetters: letters,
      subTopologies: [{ id: 0 }],
    })
  })
})
