/** A partition that stays where it is goes on while instances come and go. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { systemClock } from '../src/core/clock.ts'
import { silentLogger } from '../src/core/logger.ts'
import { noHeaders } from '../src/core/record.ts'
import { Wakeup } from '../src/core/wakeup.ts'
import { startKafka } from '../src/dev/kafka.ts'
import { Fetcher } from '../src/kafka/client/fetcher.ts'
import type { KafkaPort } from '../src/kafka/port.ts'
import { answers, requests } from './support/gap-topology.ts'
import { connectTo, createTopics, plainProducer } from './support/kafka-client.ts'
import { startWorker, type WorkerProcess } from './support/worker-process.ts'

const PARTITIONS = 8
const RATE = 10_000
const KEYS = 5_000
const TICK_MS = 10
/** On a quiet machine it is less than a fifth of that; a busy one starves the broker, too. */
const GAP_MS_MAX = 1_000

/** Answers of one partition arrived. */
interface Arrival {
  readonly atMs: number
  /** The process that answered. */
  readonly by: number
}

/** When answers can be read by somebody who reads what is committed. */
class Watch implements AsyncDisposable {
  readonly arrivals: readonly Arrival[][] = Array.from({ length: PARTITIONS }, () => [])
  readonly #wakeup = new Wakeup(systemClock)
  readonly #fetcher: Fetcher
  readonly #over = new AbortController()
  readonly #watching: Promise<void>

  constructor(port: KafkaPort) {
    this.#fetcher = new Fetcher({
      ...{ port, clock: systemClock, logger: silentLogger, isolation: 'read_committed' },
      onArrival: this.#wakeup.notify,
    })
    for (const partition of this.arrivals.keys()) {
      this.#fetcher.assign(answers.name, partition, 0)
    }
    this.#watching = this.#watch()
  }

  async #watch(): Promise<void> {
    while (!this.#over.signal.aborted) {
      await this.#wakeup.wait(100)
      const atMs = systemClock.nowMs()
      for (const [partition, arrivals] of this.arrivals.entries()) {
        for (;;) {
          const run = this.#fetcher.take(answers.name, partition)
          if (run === undefined) break
          let by: number | undefined
          while (run.next()) by = Number(Buffer.from(run.value ?? []).toString())
          if (by !== undefined) arrivals.push({ atMs, by })
        }
      }
    }
  }

  /** Of each partition. */
  owners(): readonly (number | undefined)[] {
    return this.arrivals.map((arrivals) => arrivals.at(-1)?.by)
  }

  /** The longest time without an answer, of the partitions that one process answered alone. */
  longestGap(fromMs: number, toMs: number): { readonly gapMs: number; readonly unmoved: number } {
    const gaps = this.arrivals.flatMap((arrivals) => {
      const seen = arrivals.filter(({ atMs }) => atMs >= fromMs && atMs <= toMs)
      if (new Set(seen.map(({ by }) => by)).size !== 1) return []
      const times = [fromMs, ...seen.map(({ atMs }) => atMs), toMs]
      return [Math.max(...times.slice(1).map((atMs, index) => atMs - (times[index] ?? atMs)))]
    })
    return { gapMs: Math.max(...gaps), unmoved: gaps.length }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort()
    this.#wakeup.notify()
    await this.#watching
    await this.#fetcher.close()
  }
}

async function writeRequests(port: KafkaPort, over: AbortSignal): Promise<void> {
  const producer = plainProducer(port, { lingerMs: 5 })
  await producer.init()
  const startedMs = systemClock.nowMs()
  let written = 0
  while (!over.aborted) {
    const due = ((systemClock.nowMs() - startedMs) * RATE) / 1_000
    for (; written < due; written += 1) {
      const key = Buffer.from(`key-${written % KEYS}`)
      producer.send(requests.name, null, systemClock.nowMs(), key, Buffer.from('1'), noHeaders)
    }
    await producer.drainTo(1024 * 1024)
    await systemClock.sleep(TICK_MS, over)
  }
  await producer.flush()
  await producer.close()
}

const slowly = { timeout: 240_000 }

test('what does not move goes on while an instance joins and leaves', slowly, async () => {
  await using kafka = await startKafka({ own: true })
  await using port = await connectTo(kafka.brokers)
  await createTopics(port, [requests.name, answers.name], PARTITIONS)
  const folder = await mkdtemp(join(tmpdir(), 'millrace-gap-'))
  const start = (name: string): WorkerProcess =>
    startWorker('integration-tests/support/gap-topology.ts', {
      brokers: kafka.brokers.join(','),
      'state-dir': join(folder, name),
    })
  const over = new AbortController()
  await using watch = new Watch(port)
  const owners = (count: number) => () => {
    const found = watch.owners()
    return !found.includes(undefined) && new Set(found).size === count
  }
  await using first = start('first')
  await using second = start('second')
  const writing = writeRequests(port, over.signal)
  await vi.waitUntil(owners(2), 60_000)
  await systemClock.sleep(1_500)

  const beganMs = systemClock.nowMs()
  await systemClock.sleep(2_000)
  const joinedMs = systemClock.nowMs()
  await using third = start('third')
  await vi.waitUntil(owners(3), 60_000)
  await systemClock.sleep(1_000)
  const leftMs = systemClock.nowMs()
  expect(await third.stop(), third.output()).toBe(0)
  await vi.waitUntil(owners(2), 60_000)
  await systemClock.sleep(1_000)
  const endedMs = systemClock.nowMs()
  over.abort()
  await writing
  expect([await first.stop(), await second.stop()], first.output()).toEqual([0, 0])

  const [before, joining, leaving] = [
    watch.longestGap(beganMs, joinedMs),
    watch.longestGap(joinedMs, leftMs),
    watch.longestGap(leftMs, endedMs),
  ]
  const inWords =
    `longest gaps: ${before.gapMs} ms before, ${joining.gapMs} ms while an instance joins, ` +
    `${leaving.gapMs} ms while it leaves`
  process.stderr.write(`${inWords}\n`)
  expect(Math.max(joining.gapMs, leaving.gapMs), inWords).toBeLessThan(
    Math.max(GAP_MS_MAX, 4 * before.gapMs),
  )
  expect([before.unmoved, joining.unmoved, leaving.unmoved]).toEqual([
    8,
    between(4, 6),
    between(4, 6),
  ])
  await rm(folder, { recursive: true })
})

const between = (least: number, most: number): unknown =>
  expect.toSatisfy((value: number) => value >= least && value <= most)
