/** The package as others get it: packed, installed into an empty folder, and run from there. */
import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { connectTo, createTopics } from './support/kafka-client.ts'
import { repository, start } from './support/millrace-command.ts'
import { ordersFiles, ordersTopics } from './support/orders-load.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-newcomer-'))
const bin = join(folder, 'node_modules/.bin')
// Whoever installs the package has Node 24: here the one that runs the tests.
const env = { PATH: [dirname(process.execPath), process.env['PATH']].join(delimiter) }

const inFolder = (file: string, ...args: readonly string[]) =>
  start(file, args, { cwd: folder, env })

beforeAll(async () => {
  const packed = await start('npm', ['pack', '--silent', '--pack-destination', folder], { env })
    .finished
  if (packed.code !== 0) throw new Error(packed.stderr)
  const archive = readdirSync(folder).find((name) => name.endsWith('.tgz')) as string
  writeFileSync(join(folder, 'package.json'), '{"private":true,"type":"module"}')
  const quiet = ['--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund']
  const installed = await inFolder('npm', 'install', `./${archive}`, ...quiet).finished
  if (installed.code !== 0) throw new Error(installed.stderr)
  cpSync(join(repository, 'topologies/orders.ts'), join(folder, 'orders.ts'))
  for (const file of ['customer-spending.ts', 'service.ts']) {
    cpSync(join(repository, 'docs/guide/examples', file), join(folder, file))
  }
  for (const file of ordersFiles) {
    cpSync(join(repository, 'topologies/orders', file), join(folder, 'orders', file))
  }
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('its types are found by a strict compiler that checks them too', async () => {
  const tsc = join(repository, 'node_modules/.bin/tsc')
  const types = ['--types', 'node', '--typeRoots', join(repository, 'node_modules/@types')]
  const modules = ['--module', 'nodenext', '--target', 'es2024', '--allowImportingTsExtensions']
  const sources = ['orders.ts', 'customer-spending.ts', 'service.ts']
  const compiled = inFolder(tsc, '--strict', '--noEmit', ...modules, ...types, ...sources)
  expect(await compiled.finished).toEqual({ code: 0, stdout: '', stderr: '' })
})

test('it runs a topology that was copied from the examples', async () => {
  const brokers = inject('kafkaBrokers')
  await using port = await connectTo(brokers)
  const existing = await port.metadata(ordersTopics)
  await createTopics(
    port,
    ordersTopics.filter((name) => !existing.has(name)),
    2,
  )
  const group = ['--application-id', `newcomer-${process.pid}`]
  await using app = inFolder(
    join(bin, 'millrace'),
    ...['run', 'orders.ts', '--brokers', brokers.join(','), ...group],
  )
  await app.says('application running')
  app.signal('SIGTERM')
  expect(await app.finished).toMatchObject({ code: 0, stderr: '' })
})

test('its commands for the embedded Kafka can be loaded', async () => {
  const status = await inFolder(join(bin, 'millrace'), 'kafka', 'status', '--json').finished
  expect(status.stderr).toBe('')
  expect(JSON.parse(status.stdout)).toHaveProperty('running')
})
