/** Orders decided by rules with a bug, by two processes; then the bug is mended, and replayed. */
import { readFileSync } from 'node:fs'
import { expect, test, vi } from 'vitest'
import { startKafka } from '../src/dev/kafka.ts'
import { directoryStorage } from '../src/runtime/state-directory/directory-storage.ts'
import type { Order } from '../topologies/orders/model.ts'
import { connectTo } from './support/kafka-client.ts'
import { Project, repository, type Running } from './support/millrace-command.ts'
import {
  actualOutcome,
  expectedOutcome,
  firstDifference,
  untilGivenUp,
} from './support/orders-account.ts'
import {
  createOrdersTopics,
  ordersFiles,
  untilProcessed,
  writeCommands,
} from './support/orders-load.ts'

const PARTITIONS = 4
const COMMANDS = 4_000
const SESSION_TIMEOUT = '6s'

const source = (path: string): string => readFileSync(`${repository}/topologies/${path}`, 'utf8')

const rules = source('orders/decider.ts')
const check = "if (amount !== order.total) return reject('wrong amount')"
/** Takes any amount for enough, and lets a cancelled order be paid. */
const withBug = rules
  .replace(check, '')
  .replace("if (order.status === 'cancelled') return reject('already cancelled')", '')

const project = new Project({
  'orders.ts': source('orders.ts'),
  ...Object.fromEntries(ordersFiles.map((file) => [`orders/${file}`, source(`orders/${file}`)])),
  'orders/decider.ts': withBug,
})

const stores = [
  ...['order', 'charge-again-under-way', 'seen-payments', 'payment-order-left'],
  ...['payment-order-right', 'payment-order-left-unmatched', 'failed-payment'],
  'failed-payment-times',
]

/** What the local stores of a stopped process hold. */
async function localOrders(directory: string): Promise<ReadonlyMap<string, Order>> {
  const storage = directoryStorage(project.path(`${directory}/orders`))
  const orders = new Map<string, Order>()
  for (const task of storage.tasks()) {
    const backend = storage.open(task)
    for (const [key, value] of backend.store('order').range(null, null, 'forward')) {
      // Eight bytes of timestamp, then the value as the changelog has it.
      const json = Buffer.from(value.subarray(8)).toString()
      orders.set(Buffer.from(key).toString(), JSON.parse(json) as Order)
    }
    await backend.close()
  }
  return orders
}

test('state and events are as if the bug had never been', { retry: 0 }, async () => {
  expect(withBug).not.toContain(check)
  await using kafka = await startKafka({ own: true })
  await using port = await connectTo(kafka.brokers)
  const environment = { MILLRACE_BROKERS: kafka.brokers.join(',') }
  const start = (directory: string): Running =>
    project.start(
      [
        ...['run', 'orders.ts', '--state-dir', directory, '--session-timeout', SESSION_TIMEOUT],
        ...['--checkpoint-interval', '200ms'],
      ],
      environment,
    )
  const replay = (...options: readonly string[]) =>
    project.millrace(['replay', 'orders.ts', '--to-earliest', ...options], environment)

  await createOrdersTopics(port, PARTITIONS, 1)
  {
    await using first = start('first')
    await using second = start('second')
    await writeCommands(port, { records: COMMANDS, rate: 2_000, seed: 1 })
    await untilProcessed(port, 'orders', PARTITIONS, 60_000)
    const refused = await replay('--yes')
    expect(refused).toMatchObject({ code: 2, stdout: '' })
    expect(refused.stderr).toMatch(/^error GROUP_ACTIVE: group "orders" has 2 members: /)
    second.signal('SIGKILL')
    first.signal('SIGTERM')
    expect((await first.finished).code).toBe(0)
  }
  const expected = await expectedOutcome(port, PARTITIONS)
  expect(firstDifference(await actualOutcome(port, 'orders', PARTITIONS), expected)).toBeDefined()
  expect((await localOrders('second')).size).toBeGreaterThan(0)

  project.write('orders/decider.ts', rules)
  const dry = await replay('--dry-run')
  expect(dry.stdout.split('\n').filter((line) => !line.startsWith('  orders.commands-'))).toEqual([
    'replay of application "orders"',
    expect.stringMatching(/^ {2}partition +from +to$/),
    ...[0, 1, 2, 3].flatMap((partition) =>
      [`  payments-${partition}`, `  payments.recovered-${partition}`].map(
        (name) => `${name.padEnd(35)}0${''.padEnd(13)}0`,
      ),
    ),
    `State is built anew, on every machine: ${stores.join(', ')}.`,
    ...stores.map((store) => `  deleted: orders-${store}-changelog`),
    '',
  ])
  await vi.waitUntil(async () => (await replay('--empty-outputs', '--yes')).code === 0, 30_000)
  {
    await using first = start('first')
    await untilProcessed(port, 'orders', PARTITIONS, 60_000)
    await untilGivenUp(port, expected)
    first.signal('SIGTERM')
    expect((await first.finished).code).toBe(0)
  }
  const actual = await actualOutcome(port, 'orders', PARTITIONS)
  expect(firstDifference(actual, expected)).toBeUndefined()

  // The other one has what it had before on its disk, and the changelogs have outgrown it.
  await writeCommands(port, { records: 1_000, rate: 2_000, seed: 1 })
  await using second = start('second')
  await untilProcessed(port, 'orders', PARTITIONS, 60_000)
  const more = await expectedOutcome(port, PARTITIONS)
  await untilGivenUp(port, more)
  second.signal('SIGTERM')
  expect((await second.finished).code).toBe(0)
  expect(firstDifference(await actualOutcome(port, 'orders', PARTITIONS), more)).toBeUndefined()
  expect(await localOrders('second')).toEqual(more.orders)
  project[Symbol.dispose]()
})
