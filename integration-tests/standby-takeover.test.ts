/**
 * What a standby is for, on a real Kafka: the tasks of a process that is killed go on at once where
 * a copy of their state is, and those that move to a newcomer go on all the time.
 */
import { expect, test } from 'vitest'
import { systemClock } from '../src/core/clock.ts'
import { startKafka } from '../src/dev/kafka.ts'
import type { KafkaPort } from '../src/kafka/port.ts'
import { connectTo, createTopics } from './support/kafka-client.ts'
import { readAll } from './support/orders-account.ts'
import { seen, visits } from './support/padded-topology.ts'
import {
  Instances,
  PARTITIONS,
  settled,
  Traffic,
  valuesOf,
  writeRows,
  type Instance,
} from './support/takeover.ts'

/** More of them show more of the difference: 300,000 take a minute or two. */
const ROWS = Number(process.env['MILLRACE_STANDBY_ROWS'] ?? 40_000)
const SESSION_TIMEOUT_MS = 3_000

const standbyLag = async (instances: readonly Instance[]): Promise<readonly number[]> =>
  (await Promise.all(instances.map((each) => each.metrics()))).flatMap((metrics) =>
    valuesOf(metrics, 'millrace_standby_lag'),
  )

/** Kills one of two processes; returns how long its partitions were silent, beyond the session. */
async function killOne(
  port: KafkaPort,
  brokers: readonly string[],
  standbys: number,
): Promise<number> {
  const applicationId = `visits-${standbys}`
  await using instances = new Instances({
    brokers: brokers.join(','),
    'application-id': applicationId,
    'session-timeout': `${SESSION_TIMEOUT_MS}ms`,
    standbys: String(standbys),
  })
  const before = (await readAll(port, seen.name)).length
  const both = [await instances.start(), await instances.start()] as const
  await settled(port, applicationId, both)
  await expect
    .poll(async () => (await standbyLag(both)).length, { timeout: 60_000 })
    .toBe(standbys * PARTITIONS)
  await expect
    .poll(async () => Math.max(0, ...(await standbyLag(both))), { timeout: 60_000 })
    .toBeLessThan(100)
  const silentMs: number[] = []
  {
    await using traffic = await Traffic.begin(port, ROWS)
    await systemClock.sleep(2_000)
    const [killed, heir] = both
    const partitions = await killed.running()
    expect(partitions.length).toBeGreaterThan(0)
    await killed.worker.kill()
    const killedAtMs = systemClock.nowMs()
    for (const partition of partitions) {
      const first = (): number | undefined => traffic.firstAfter(partition, killedAtMs + 1_000)
      await expect.poll(first, { timeout: 60_000, interval: 20 }).toBeDefined()
      silentMs.push((first() as number) - killedAtMs)
    }
    await settled(port, applicationId, [heir])
  }
  await settled(port, applicationId, [both[1]])
  const input = (await readAll(port, visits.name)).length
  await expect
    .poll(async () => (await readAll(port, seen.name)).length - before, { timeout: 30_000 })
    .toBe(input)
  return Math.max(...silentMs) - SESSION_TIMEOUT_MS
}

test('a partition with a standby resumes at once, and no visit is counted twice', async () => {
  await using kafka = await startKafka({ own: true })
  await using port = await connectTo(kafka.brokers)
  await createTopics(port, [visits.name, seen.name], PARTITIONS)
  await writeRows(port, ROWS)
  const withStandby = await killOne(port, kafka.brokers, 1)
  const without = await killOne(port, kafka.brokers, 0)
  process.stdout.write(
    `${JSON.stringify({ rows: ROWS, beyondSessionMs: { withStandby, without } })}\n`,
  )
  expect(withStandby).toBeLessThan(6_000)
})

test('while tasks move to a newcomer, every partition goes on', async () => {
  await using kafka = await startKafka({ own: true })
  await using port = await connectTo(kafka.brokers)
  await createTopics(port, [visits.name, seen.name], PARTITIONS)
  await writeRows(port, ROWS)
  const applicationId = 'visits-that-move'
  await using instances = new Instances({
    brokers: kafka.brokers.join(','),
    'application-id': applicationId,
    'acceptable-lag': '1000',
  })
  const one = await instances.start()
  await settled(port, applicationId, [one])
  const gapsMs: number[] = []
  {
    await using traffic = await Traffic.begin(port, ROWS)
    await systemClock.sleep(2_000)
    const startMs = systemClock.nowMs()
    const two = await instances.start()
    await expect
      .poll(async () => (await two.running()).length, { timeout: 120_000, interval: 50 })
      .toBe(PARTITIONS / 2)
    await systemClock.sleep(1_000)
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      gapsMs.push(traffic.longestGapMs(partition, startMs))
    }
    await settled(port, applicationId, [one, two])
    expect(two.worker.output()).toContain('warmed up: joining again')
  }
  await expect
    .poll(async () => (await readAll(port, seen.name)).length, { timeout: 30_000 })
    .toBe((await readAll(port, visits.name)).length)
  process.stdout.write(`${JSON.stringify({ rows: ROWS, longestGapMs: gapsMs })}\n`)
  expect(Math.max(...gapsMs)).toBeLessThan(5_000)
})
