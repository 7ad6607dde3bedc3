import { globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { TopologyTestDriver } from 'millrace/testing'
import { environmentName } from '../../src/cli/command-line.ts'
import { dlqList } from '../../src/cli/dlq-list.ts'
import { dlqRedrive } from '../../src/cli/dlq-redrive.ts'
import { dlqShow } from '../../src/cli/dlq-show.ts'
import { dlqStats } from '../../src/cli/dlq-stats.ts'
import { init } from '../../src/cli/init.ts'
import { replayDiff } from '../../src/cli/replay-diff.ts'
import { replayCommand } from '../../src/cli/replay.ts'
import { run } from '../../src/cli/run.ts'
import { topologyCheck } from '../../src/cli/topology-check.ts'
import { topologyDescribe } from '../../src/cli/topology-describe.ts'
import { topologyDiagram } from '../../src/cli/topology-diagram.ts'
import accounts, { balances, commands, events, refused } from './examples/account.ts'
import clickTopology, {
  botClicks,
  clicks,
  perSecond,
  perUser,
  slowPaths,
  type Click,
} from './examples/clicks.ts'
import customerTopology, { active, customers, perCountry } from './examples/customers.ts'
import firstPurchases, { firsts, purchases } from './examples/first-purchases.ts'
import invoiceTopology, { heartbeats, invoices, orders } from './examples/invoices.ts'
import sensors, { impossible, readings, silences } from './examples/sensors.ts'
import stockTopology, { levels, movements } from './examples/stock.ts'

describe('the examples of the guide', () => {
  test('clicks are split, filtered and counted by two keys', async () => {
    await using driver = new TopologyTestDriver(clickTopology)
    const input = driver.input(clicks)
    const click: Click = { user: 'ada', path: '/', tookMs: 20, agent: 'browser' }
    await input.send('1', click)
    await input.send('2', { ...click, agent: 'bot' })
    await input.send('3', { ...click, path: '/slow', tookMs: 1_500 }, { timestampMs: 7 })
    expect(driver.output(botClicks).values()).toEqual([{ ...click, agent: 'bot' }])
    expect(driver.output(slowPaths).keyValues()).toEqual([['3', '7 /slow']])
    expect(driver.output(perUser).keyValues()).toEqual([
      ['ada', 1],
      ['ada', 2],
    ])
    expect(driver.output(perSecond).keyValues()).toEqual([
      [1, 1],
      [2, 1],
    ])
  })

  test('a customer who moves is taken from one country and added to the other', async () => {
    await using driver = new TopologyTestDriver(customerTopology)
    const input = driver.input(customers)
    const ada = { name: 'Ada', country: 'GB', active: true }
    await input.send('c-1', ada)
    await input.send('c-1', { ...ada, country: 'FR' })
    await input.send('c-1', null)
    expect(driver.output(active).keyValues()).toEqual([
      ['c-1', ada],
      ['c-1', { ...ada, country: 'FR' }],
      ['c-1', null],
    ])
    expect(driver.output(perCountry).keyValues()).toEqual([
      ['GB', 1],
      ['GB', 0],
      ['FR', 1],
      ['FR', 0],
    ])
  })

  test('an account refuses what it cannot pay, and a command it has seen', async () => {
    await using driver = new TopologyTestDriver(accounts)
    const input = driver.input(commands)
    const deposit = { type: 'Deposit', id: 'a', cents: 500 } as const
    const withdrawal = { type: 'Withdraw', id: 'b', cents: 900 } as const
    await input.send('ada', deposit)
    await input.send('ada', deposit)
    await input.send('ada', withdrawal)
    expect(driver.output(events).values()).toEqual([{ type: 'Deposited', id: 'a', cents: 500 }])
    expect(driver.output(refused).values()).toEqual([
      { command: deposit, reason: 'repeated' },
      { command: withdrawal, reason: 'not enough money' },
    ])
    expect(driver.output(balances).keyValues()).toEqual([['ada', 500]])
    expect(driver.store('account').get('ada')).toEqual({ cents: 500, lastId: 'a' })
  })

  test('a sensor is reported once when it falls silent, a cold one is set aside', async () => {
    await using driver = new TopologyTestDriver(sensors)
    await driver.input(readings).send('attic', { celsius: 31 })
    await driver.input(readings).send('cellar', { celsius: -300 })
    await driver.advanceTime('50s')
    expect(driver.output(silences).values()).toEqual([])
    await driver.advanceTime('10s')
    await driver.advanceTime('10s')
    expect(driver.output(silences).values()).toEqual([{ sensor: 'attic', silentForMs: 60_000 }])
    expect(driver.output(impossible).keyValues()).toEqual([['cellar', { celsius: -300 }]])
  })

  test('only the first purchase of a customer is let through', async () => {
    await using driver = new TopologyTestDriver(firstPurchases)
    for (const sku of ['tea', 'cocoa']) await driver.input(purchases).send('ada', { sku })
    expect(driver.output(firsts).keyValues()).toEqual([['ada', { sku: 'tea' }]])
  })

  test('an order without lines becomes a dead letter, a broken heartbeat is skipped', async () => {
    await using driver = new TopologyTestDriver(invoiceTopology)
    await driver.input(orders).send('o-1', { customer: 'ada', lines: [] })
    await driver.input(orders).send('o-2', { customer: 'ada', lines: [{ sku: 'tea', cents: 650 }] })
    await driver.input(heartbeats).sendBytes(null, Buffer.from('{'))
    expect(driver.output(invoices).values()).toEqual([{ customer: 'ada', cents: 650 }])
    expect(driver.deadLetters()).toMatchObject([
      {
        topic: 'orders',
        partition: 0,
        offset: 0,
        code: 'PROCESSING_FAILED',
        exception: 'RangeError',
        message: 'an order without lines',
        node: 'map-values-1',
        task: '0_0',
        application: 'invoices',
        attempts: 1,
      },
    ])
    expect(driver.counters.skipped).toBe(1)
  })

  test('stock levels are kept as 64-bit integers', async () => {
    await using driver = new TopologyTestDriver(stockTopology)
    for (const by of [10, -3]) await driver.input(movements).send('tea', by)
    expect(driver.output(levels).values()).toEqual([10, 7])
  })
})

const root = fileURLToPath(new URL('../..', import.meta.url))
const textsOf = (...patterns: readonly string[]): ReadonlyMap<string, string> =>
  new Map(
    globSync(patterns, { cwd: root }).map((path) => [path, readFileSync(join(root, path), 'utf8')]),
  )

const pages = textsOf('README.md', 'docs/guide/*.md', 'topologies/**/*.md')
const guide = [...pages].filter(([path]) => path.startsWith('docs/guide/'))
const exampleFiles = textsOf('docs/guide/examples/*.ts')
/** Lines may be indented otherwise in a page. */
const squeezed = (code: string): string => code.replace(/\s+/g, ' ').trim()

describe('the pages', () => {
  test('show code that is run', () => {
    const code = [...exampleFiles, ...textsOf('topologies/**/*.ts')].map(([, text]) =>
      squeezed(text),
    )
    const unknown = [...pages].flatMap(([path, text]) =>
      [...text.matchAll(/^```ts\n([^]*?)^```$/gm)]
        .map(([, block = '']) => block)
        .filter((block) => !code.some((each) => each.includes(squeezed(block))))
        .map((block) => `${path}: ${block}`),
    )
    expect(unknown).toEqual([])
  })

  test('have lines of at most 100 columns', () => {
    const documents = [...pages, ...textsOf('docs/ARCHITECTURE.md')]
    const long = documents.flatMap(([path, text]) =>
      text
        .split('\n')
        .filter((line) => line.length > 100)
        .map((line) => `${path}: ${line}`),
    )
    expect(long).toEqual([])
  })

  test('link every example', () => {
    const linked = guide.map(([, text]) => text).join('\n')
    const lost = [...exampleFiles.keys()]
      .map((path) => basename(path))
      .filter((name) => !linked.includes(`(examples/${name})`))
    expect(lost).toEqual([])
  })

  test('name every option of the command line, and no other', () => {
    const dlq = [dlqList, dlqShow, dlqStats, dlqRedrive]
    const topologies = [topologyDescribe, topologyDiagram, topologyCheck]
    const commands = [init, run, replayCommand, replayDiff, ...dlq, ...topologies]
    const options = commands.flatMap((command) => Object.keys(command.options))
    const known = new Set([...options, 'verbose'])
    const toKafka = /^(```+).*\n(?:(?!\1)[^])*?kafka-acls\.sh[^]*?^\1/gm
    const named = guide.flatMap(([, text]) =>
      [...text.replace(toKafka, '').matchAll(/(?<=[`| ])--([a-z][a-z-]*)/g)].map(
        ([, name = '']) => name,
      ),
    )
    const ofOthers = ['ignore-scripts', 'import', 'save-dev']
    expect(named.filter((name) => !known.has(name) && !ofOthers.includes(name))).toEqual([])
    const running = pages.get('docs/guide/running.md') ?? ''
    const missing = Object.keys(run.options).filter(
      (name) =>
        !running.includes(`\`${environmentName(name)}\``) || !running.includes(`\`--${name}`),
    )
    expect(missing).toEqual([])
  })
})
