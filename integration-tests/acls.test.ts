/** The rights that the guide lists suffice, and each of them is needed: with an authorizer on. */
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { missingForJavaStreams } from '../src/dev/streams-distribution.fixture.ts'
import type { KafkaPort } from '../src/kafka/port.ts'
import orders, { commands } from '../topologies/orders.ts'
import {
  allow,
  grantsIn,
  guardedKafka,
  passwordOf,
  type Grant,
  type GuardedKafka,
} from './support/guarded-kafka.ts'
import { connectTo, write } from './support/kafka-client.ts'
import { KafkaTools } from './support/kafka-tools.ts'
import {
  millrace,
  repository,
  startMillrace,
  type CommandOptions,
} from './support/millrace-command.ts'
import {
  actualOutcome,
  expectedOutcome,
  firstDifference,
  untilGivenUp,
} from './support/orders-account.ts'
import { createOrdersTopics, untilProcessed, writeCommands } from './support/orders-load.ts'
import { Thread } from './support/stream-thread.ts'

const PARTITIONS = 2
const grants = grantsIn(readFileSync(join(repository, 'docs/guide/security.md'), 'utf8'))
const ofApplication = grants.filter(({ user }) => user === 'orders')
const without = (grant: Grant): string => `without_${ofApplication.indexOf(grant)}`
const right = (operation: string, resource: string): Grant => {
  const found = ofApplication.find(
    (grant) => grant.operation === operation && grant.resources.includes(resource),
  )
  if (found === undefined) throw new Error(`the guide grants no ${operation} on ${resource}`)
  return found
}

const missing = await missingForJavaStreams()
if (missing !== undefined) {
  process.stderr.write(`skipped: tests with kafka-acls.sh, because ${missing}\n`)
}

let kafka: GuardedKafka
let admin: KafkaPort
let stateDir = ''
beforeAll(async () => {
  if (missing !== undefined) return
  stateDir = await mkdtemp(join(tmpdir(), 'millrace-acls-'))
  const users = [...new Set(grants.map(({ user }) => user))]
  kafka = await guardedKafka([...users, ...ofApplication.map(without)])
  admin = await connectTo(kafka.brokers)
  await createOrdersTopics(admin, PARTITIONS, 1)
  await using tools = await KafkaTools.start()
  for (const grant of grants) {
    const others = ofApplication.filter((other) => other !== grant).map(without)
    const allowed = grant.user === 'orders' ? [grant.user, ...others] : [grant.user]
    await allow(tools, kafka.brokers, grant, allowed)
  }
})
afterAll(async () => {
  await admin?.close()
  await kafka?.[Symbol.asyncDispose]()
  if (stateDir !== '') await rm(stateDir, { recursive: true, force: true })
})

const as = (user: string): CommandOptions => ({
  env: {
    MILLRACE_BROKERS: kafka.guarded,
    MILLRACE_SASL_MECHANISM: 'plain',
    MILLRACE_SASL_USERNAME: user,
    MILLRACE_SASL_PASSWORD: passwordOf(user),
    MILLRACE_STATE_DIR: join(stateDir, user),
  },
})

/** A thread of the application, with no local state, as a user. */
function threadAs(user: string): Thread {
  const sasl = { mechanism: 'plain', username: user, password: passwordOf(user) } as const
  const connection = { brokers: [kafka.guarded], sasl }
  return new Thread({ topology: orders, connection, processId: user, folder: stateDir })
}

/** It ends with Kafka's own error, what was asked for, and the right to ask for. */
const refusal = (what: string, kafkaError: string, operation: string): object => ({
  code: 'BROKER_REFUSED',
  message: expect.stringMatching(
    new RegExp(`^Kafka refused a request: ${what} failed with ${kafkaError}`),
  ) as string,
  hint: expect.stringContaining(`Grant this user ${operation}`) as string,
})

const TOPIC = 'TOPIC_AUTHORIZATION_FAILED'

// Where this machine cannot run it the reason is printed above.
describe.runIf(missing === undefined)('with an authorizer', { retry: 0 }, () => {
  test('an application that may not create its internal topics says which', async () => {
    const failure = await threadAs(without(right('Create', 'orders-'))).failure
    expect(failure).toMatchObject(refusal('creating topic "orders-.*"', TOPIC, 'Create'))
  })

  test('the rights of the guide suffice, exactly once', async () => {
    await writeCommands(admin, { records: 600, rate: 2_000, seed: 20_261_125 })
    await using app = startMillrace(['run', 'topologies/orders.ts'], as('orders'))
    await app.says('application running')
    await untilProcessed(admin, 'orders', PARTITIONS, 30_000)
    const expected = await expectedOutcome(admin, PARTITIONS)
    await untilGivenUp(admin, expected)
    app.signal('SIGTERM')
    expect(await app.finished).toMatchObject({ code: 0, stderr: '' })
    const actual = await actualOutcome(admin, 'orders', PARTITIONS)
    expect(firstDifference(actual, expected)).toBeUndefined()
    expect(expected.deadLetters.length).toBeGreaterThan(5)
  })

  test('who finds the internal topics made needs no right to create them', async () => {
    const thread = threadAs(without(right('Create', 'orders-')))
    expect(await thread.runs).toBeUndefined()
    expect(await thread.stop()).toBeUndefined()
    // For whoever may do more than look.
    const lines = [{ sku: 'tea', quantity: 1, price: 650 }]
    const place = { type: 'PlaceOrder', commandId: 'last', customer: 'ada', lines }
    await write(admin, commands.name, [['order-x', JSON.stringify(place)]])
  })

  test.each([
    ['Read', 'orders.commands', 'asking for the metadata of ".*"', TOPIC, 'Read'],
    ['Write', 'orders.events', 'asking for the metadata of ".*"', TOPIC, 'Read (or Write'],
    [
      'DescribeConfigs',
      'orders-',
      'describing topic "orders-.*-changelog"',
      TOPIC,
      'DescribeConfigs',
    ],
    ['Read', 'orders-', 'fetching orders-.*-changelog-\\d', TOPIC, 'Read'],
    ['Write', 'orders-', 'producing to orders-.*-changelog-\\d', TOPIC, 'Write'],
    ['Read', 'orders', '.* group "orders"', 'GROUP_AUTHORIZATION_FAILED', 'Read'],
    [
      'Write',
      '--transactional-id',
      '.* transaction "orders-.*"',
      'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
      'Write',
    ],
  ] as const)(
    'without %s on %s it ends, and says so',
    async (operation, resource, what, error, hint) => {
      const lacking = without(right(operation, resource))
      const failure = await threadAs(lacking).failure
      expect(failure).toMatchObject(refusal(what, error, hint))
    },
  )

  test('an operator redrives dead letters, and replays, with the rights of the guide', async () => {
    const redriven = await millrace(
      ['dlq', 'redrive', 'orders.dead-letters', '--limit', '2'],
      as('operator'),
    )
    expect(redriven).toMatchObject({ code: 0, stderr: '' })
    expect(redriven.stdout).toMatch(/2/)
    const replayed = await millrace(
      ['replay', 'topologies/orders.ts', '--to-earliest', '--yes'],
      as('replayer'),
    )
    expect(replayed, replayed.stderr).toMatchObject({ code: 0 })
  })

  test('from the command line it is one line and exit code 1', async () => {
    const lacking = without(right('Read', 'orders.commands'))
    const finished = await millrace(['run', 'topologies/orders.ts'], as(lacking))
    expect(finished.code).toBe(2)
    expect(finished.stderr).toMatch(/^error BROKER_REFUSED: .*TOPIC_AUTHORIZATION_FAILED.*\n$/)
    expect(finished.stderr).not.toContain('password')
  })
})
