/** Rows that expire, on a real Kafka: what the test driver gives, across kills and a lost disk. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { TopologyTestDriver } from 'millrace/testing'
import { systemClock } from '../src/core/clock.ts'
import { startKafka } from '../src/dev/kafka.ts'
import type { KafkaPort } from '../src/kafka/port.ts'
import expiring, { counts, visits } from './support/expiring-topology.ts'
import { connectTo, createTopics, write } from './support/kafka-client.ts'
import { readAll } from './support/orders-account.ts'
import { startWorker } from './support/worker-process.ts'

const MODULE = 'integration-tests/support/expiring-topology.ts'
/** Not long ago: what is older than a week is deleted by Kafka. */
const START_MS = systemClock.nowMs() - 3_600_000
const VISITS = 6_000

/** Some visitors come often, others after their row has expired, some a little late. */
const all = Array.from({ length: VISITS }, (_, index) => {
  const visitor = `visitor-${(index * 7_919) % (index % 3 === 0 ? 300 : 20)}`
  return [visitor, START_MS + index * 10 - ((index * 31) % 400)] as const
})

async function fromTestDriver(): Promise<readonly string[]> {
  await using driver = new TopologyTestDriver(expiring)
  for (const [visitor, atMs] of all) await driver.input(visits).send(visitor, atMs)
  return driver
    .output(counts)
    .keyValues()
    .map(([visitor, count]) => `${visitor}: ${count}`)
}

async function fromKafka(port: KafkaPort): Promise<readonly string[]> {
  const records = await readAll(port, counts.name)
  return records.map(
    ({ key, value }) =>
      `${Buffer.from(key ?? []).toString()}: ${Buffer.from(value ?? []).toString()}`,
  )
}

test('rows expire as the test driver says, whatever is killed', { retry: 0 }, async () => {
  await using kafka = await startKafka({ own: true })
  await using port = await connectTo(kafka.brokers)
  const stateDir = await mkdtemp(join(tmpdir(), 'millrace-expiring-'))
  const options = {
    brokers: kafka.brokers.join(','),
    'state-dir': stateDir,
    'session-timeout': '6s',
    'cache-max-bytes': '0',
    'checkpoint-interval': '100ms',
  }
  await createTopics(port, [visits.name, counts.name], 1)
  const expected = await fromTestDriver()
  const processed = async (): Promise<number> => (await fromKafka(port)).length
  const third = VISITS / 3
  for (const part of [0, 1, 2]) {
    const rows = all.slice(part * third, (part + 1) * third)
    await write(
      port,
      visits.name,
      rows.map(([visitor, atMs]) => [visitor, String(atMs)] as const),
    )
    await using worker = startWorker(MODULE, options)
    const half = part * third + third / 2
    await expect.poll(processed, { timeout: 60_000, interval: 20 }).toBeGreaterThan(half)
    await worker.kill()
    // The second time its disk goes with it.
    if (part === 1) await rm(stateDir, { recursive: true })
  }
  await using last = startWorker(MODULE, options)
  await expect.poll(last.output, { timeout: 60_000 }).toContain('application running')
  await expect.poll(processed, { timeout: 60_000, interval: 200 }).toBe(VISITS)
  expect(await last.stop(), last.output()).toBe(0)
  expect(await fromKafka(port)).toEqual(expected)
  const changelog = await readAll(port, 'expiring-visits-visits-by-visitor-changelog')
  expect(changelog.filter(({ value }) => value === null).length).toBeGreaterThan(100)
  await rm(stateDir, { recursive: true, force: true })
})
