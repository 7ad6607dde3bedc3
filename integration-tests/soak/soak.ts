import { connect } from '../../src/app/connect.ts'
import { systemClock } from '../../src/core/clock.ts'
import { silentLogger } from '../../src/core/logger.ts'
import { seededRandom, type Random } from '../../src/core/random.ts'
import { noHeaders } from '../../src/core/record.ts'
import { startKafka } from '../../src/dev/kafka.ts'
import { ensureTopics } from '../../src/kafka/client/topics.ts'
import type { KafkaPort } from '../../src/kafka/port.ts'
import { plainProducer } from '../support/kafka-client.ts'
import { Fleet } from '../chaos/fleet.ts'
import { judge, type Bound, type Sample, type Verdict } from './judge.ts'
import { diskMib, lagOf, measureProcess } from './measure.ts'
import { counts, purchases, repeated, totals, unreadable, type Purchase } from './soak-topology.ts'

const PARTITIONS = 4
const CUSTOMERS = 4_000
const TICK_MS = 20
/** Of the time, for caches, windows and heaps to come to what they need. */
const WARM_UP_SHARE = 0.25
const SESSION_MS = 6_000

/** What is watched. The process that is never killed stands for what one comes to with time. */
const watched = {
  rss: { what: 'memory of the process that is not killed', unit: 'MiB', growthMax: 48 },
  heap: { what: 'its JavaScript heaps', unit: 'MiB', growthMax: 32 },
  handles: { what: 'its open handles', unit: 'handles', growthMax: 8 },
  disk: { what: 'state directories of all processes', unit: 'MiB', growthMax: 24 },
} as const satisfies Record<string, Bound>

export interface SoakOptions {
  readonly lengthMs: number
  /** Records a second. */
  readonly rate: number
  readonly processes: number
  /** Between one `kill -9` and the next. */
  readonly killEveryMs: number
  readonly sampleEveryMs: number
  readonly seed: number
  /** State and logs of the processes. */
  readonly folder: string
  readonly say: (line: string) => void
}

export interface SoakReport {
  readonly verdicts: readonly Verdict[]
  readonly samples: number
  readonly kills: number
  readonly written: number
  /** Processes that ended by themselves. */
  readonly failures: readonly string[]
}

/** A fleet at a steady rate, killed now and then: nothing that it holds may grow with time. */
export async function soak(options: SoakOptions): Promise<SoakReport> {
  await using kafka = await startKafka({ own: true, configs: littleDisk })
  const port = await connect({ brokers: kafka.brokers }, 'soak', silentLogger, systemClock)
  await createTopics(port)
  await using fleet = new Fleet({
    topology: 'integration-tests/soak/soak-topology.ts',
    processes: options.processes,
    folder: options.folder,
    preload: [new URL('./reporter.ts', import.meta.url).href],
    options: (index) => ({
      brokers: kafka.brokers.join(','),
      'session-timeout': `${SESSION_MS}ms`,
      'commit-interval': '500ms',
      'instance-id': `instance-${index}`,
    }),
  })
  await fleet.start()
  const over = new AbortController()
  const writer = writePurchases(port, options, over.signal)
  const killing = killNowAndThen(fleet, options, over.signal)
  const sampling = sample(port, fleet, options, over.signal)
  await systemClock.sleep(options.lengthMs)
  over.abort()
  const [written, kills, samples] = await Promise.all([writer, killing, sampling])
  await fleet.stop()
  await port.close()
  const warmUpMs = options.lengthMs * WARM_UP_SHARE
  const lagBound: Bound = { what: 'input not processed yet', unit: 'records', growthMax: 0 }
  const verdicts = [
    ...(['rss', 'heap', 'handles', 'disk'] as const).map((name) =>
      judge(watched[name], samples[name], warmUpMs),
    ),
    // As much as comes in five seconds.
    judge({ ...lagBound, growthMax: 5 * options.rate }, samples.lag, warmUpMs),
  ]
  const { failures } = fleet
  return { verdicts, samples: samples.lag.length, kills, written, failures }
}

/** What a long run leaves on the broker's disk is not what is watched. */
const littleDisk = {
  'log.segment.bytes': String(16 * 1024 * 1024),
  'log.retention.bytes': String(64 * 1024 * 1024),
  'log.retention.check.interval.ms': '30000',
}

async function createTopics(port: KafkaPort): Promise<void> {
  await ensureTopics(
    port,
    systemClock,
    [purchases, repeated, totals, counts, unreadable].map(({ name }) => ({
      ...{ name, partitions: PARTITIONS, replicationFactor: -1, configs: {} },
    })),
  )
}

/** Resolves to how many, when all of it is acknowledged. */
async function writePurchases(
  port: KafkaPort,
  { rate, seed }: SoakOptions,
  over: AbortSignal,
): Promise<number> {
  const producer = plainProducer(port, { lingerMs: 5 })
  await producer.init()
  const random = seededRandom(seed)
  const startedMs = systemClock.nowMs()
  let written = 0
  while (!over.aborted) {
    const due = Math.ceil(((systemClock.nowMs() - startedMs) * rate) / 1_000)
    for (; written < due; written += 1) {
      const [key, value] = purchaseOf(written, random)
      const nowMs = systemClock.nowMs()
      producer.send(purchases.name, null, nowMs, Buffer.from(key), Buffer.from(value), noHeaders)
    }
    await producer.drainTo(1024 * 1024)
    await systemClock.sleep(TICK_MS, over)
  }
  await producer.flush()
  await producer.close()
  return written
}

/** One of a hundred is written again, and one of a thousand cannot be read. */
function purchaseOf(number: number, random: Random): readonly [key: string, value: string] {
  const key = `customer-${Math.floor(random() * CUSTOMERS)}`
  if (random() < 0.001) return [key, '{"id":']
  const id = random() < 0.01 ? 'the-same' : `purchase-${number}`
  return [key, JSON.stringify({ id, amount: 1 + Math.floor(random() * 100) } satisfies Purchase)]
}

/** All but the first, in turn; resolves to how often. */
async function killNowAndThen(
  fleet: Fleet,
  { killEveryMs }: SoakOptions,
  over: AbortSignal,
): Promise<number> {
  for (let kills = 0; ; kills += 1) {
    await systemClock.sleep(killEveryMs, over)
    if (over.aborted || fleet.size === 1) return kills
    // Every second time it is away for longer than its session, and its tasks go elsewhere.
    await fleet.kill(1 + (kills % (fleet.size - 1)), kills % 2 === 0 ? 0 : SESSION_MS + 2_000)
  }
}

type Samples = Readonly<Record<keyof typeof watched | 'lag', Sample[]>>

async function sample(
  port: KafkaPort,
  fleet: Fleet,
  { sampleEveryMs, say }: SoakOptions,
  over: AbortSignal,
): Promise<Samples> {
  const samples: Samples = { rss: [], heap: [], handles: [], disk: [], lag: [] }
  const startedMs = systemClock.nowMs()
  for (;;) {
    await systemClock.sleep(sampleEveryMs, over)
    if (over.aborted) return samples
    const atMs = systemClock.nowMs()
    const veteran = await measureProcess(fleet.worker(0))
    const lag = await lagOf(port, 'soak', purchases.name, PARTITIONS)
    const disk = await diskMib(fleet.stateDirectories)
    samples.disk.push({ atMs, value: disk })
    if (lag !== undefined) samples.lag.push({ atMs, value: lag })
    if (veteran === undefined) continue
    const { rssMib, heapMib, handles } = veteran
    samples.rss.push({ atMs, value: rssMib })
    samples.heap.push({ atMs, value: heapMib })
    samples.handles.push({ atMs, value: handles })
    say(
      `${String(Math.round((atMs - startedMs) / 1_000)).padStart(5)} s  ` +
        `rss ${rssMib.toFixed(0)} MiB, heap ${heapMib.toFixed(0)} MiB, ${handles} handles, ` +
        `state ${disk.toFixed(0)} MiB, ${lag ?? '?'} behind`,
    )
  }
}
