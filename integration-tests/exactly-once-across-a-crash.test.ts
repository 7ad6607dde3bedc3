import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { connect } from '../src/app/connect.ts'
import { systemClock } from '../src/core/clock.ts'
import { silentLogger } from '../src/core/logger.ts'
import { startKafka } from '../src/dev/kafka.ts'
import type { KafkaPort } from '../src/kafka/port.ts'
import { localOrders } from './support/local-orders.ts'
import {
  actualOutcome,
  expectedOutcome,
  firstDifference,
  inputsOf,
  untilGivenUp,
} from './support/orders-account.ts'
import { createOrdersTopics, pauses, untilProcessed, writeCommands } from './support/orders-load.ts'
import { startWorker, type WorkerProcess } from './support/worker-process.ts'

const PARTITIONS = 4
const KILLS = 20
const SEED = 20_261_123

/** Two processes of the orders topology; one after the other is killed and started again. */
async function underFire(
  brokers: readonly string[],
  port: KafkaPort,
  guarantee: 'exactly-once' | 'at-least-once',
  kills: number,
): Promise<readonly string[]> {
  const directories = [await stateDirectory(), await stateDirectory()]
  const start = (index: number): WorkerProcess =>
    startWorker('topologies/orders.ts', {
      brokers: brokers.join(','),
      guarantee,
      'state-dir': directories[index] as string,
      'session-timeout': '1500ms',
      // Without transactions a kill must fall between an output and a commit to show.
      'commit-interval': guarantee === 'exactly-once' ? '50ms' : '2s',
      'checkpoint-interval': '300ms',
      'log-level': 'info',
    })
  const workers = [start(0), start(1)]
  const writing = writeCommands(port, { records: 40_000, rate: 1_000, seed: SEED })
  const pause = pauses(SEED, 300, 3_000)
  for (let kill = 0; kill < kills; kill += 1) {
    await systemClock.sleep(pause.next().value)
    const index = kill % 2
    await workers[index]?.kill()
    workers[index] = start(index)
  }
  await writing
  const logs = (): string => workers.map((worker) => worker.output()).join('\n')
  await untilDone(port, 60_000).catch((error: unknown) => {
    throw new Error(`the workers wrote:\n${logs()}`, { cause: error })
  })
  // The last one started may still be loading its modules, before it listens to SIGTERM.
  await systemClock.sleep(3_000)
  const codes = await Promise.all(workers.map((worker) => worker.stop()))
  expect(codes, logs()).toEqual([0, 0])
  return directories
}

/** All input is processed, and the payments that failed are given up. */
async function untilDone(port: KafkaPort, timeoutMs: number): Promise<void> {
  await untilProcessed(port, 'orders', PARTITIONS, timeoutMs)
  await untilGivenUp(port, await expectedOutcome(port, PARTITIONS))
}

const stateDirectory = (): Promise<string> => mkdtemp(join(tmpdir(), 'millrace-crash-'))

describe('orders, killed twenty times under load', { retry: 0 }, () => {
  test('exactly once: outputs, changelog and local state are those of a plain fold', async () => {
    await using kafka = await startKafka({ own: true })
    const port = await connect({ brokers: kafka.brokers }, 'test', silentLogger, systemClock)
    await createOrdersTopics(port, PARTITIONS, 1)
    const directories = await underFire(kafka.brokers, port, 'exactly-once', KILLS)
    const expected = await expectedOutcome(port, PARTITIONS)
    const actual = await actualOutcome(port, 'orders', PARTITIONS)
    expect(firstDifference(actual, expected)).toBeUndefined()
    expect(inputsOf(actual)).toBe(40_000)
    expect(await localOrders(directories)).toEqual(expected.orders)
    await port.close()
    for (const directory of directories) await rm(directory, { recursive: true, force: true })
  })

  test('at least once: duplicates, but no loss', async () => {
    await using kafka = await startKafka({ own: true })
    const port = await connect({ brokers: kafka.brokers }, 'test', silentLogger, systemClock)
    await createOrdersTopics(port, PARTITIONS, 1)
    const directories = await underFire(kafka.brokers, port, 'at-least-once', KILLS)
    const expected = await expectedOutcome(port, PARTITIONS)
    const actual = await actualOutcome(port, 'orders', PARTITIONS)
    // A command that is processed again meets a state that knows it: its event stays single or
    // comes again as a refusal, so outputs are more than inputs, and no event is missing.
    for (const [partition, events] of expected.events.entries()) {
      const got = new Set(actual.events[partition])
      expect(events.filter((event) => !got.has(event))).toEqual([])
    }
    expect(new Set(actual.deadLetters)).toEqual(new Set(expected.deadLetters))
    expect(inputsOf(actual)).toBeGreaterThan(inputsOf(expected))
    await port.close()
    for (const directory of directories) await rm(directory, { recursive: true, force: true })
  })
})
