import { describe, expect, test } from 'vitest'
import { json, string, topic, topology, type Processor } from 'millrace'
import { newThreadCounters, type ThreadCounters } from '../core/metrics.ts'
import { silentLogger } from '../core/logger.ts'
import { memoryBackend } from '../state/memory/memory-backend.ts'
import { DriverTopics } from '../testing/driver-topics.ts'
import { runChaos } from './chaos.fixtures.ts'
import { breakEach } from './crash.fixtures.ts'
import { Disk, Simulation, START_MS, textOf } from './simulation.fixtures.ts'
import { Task } from './task/task.ts'
import { Turns } from './thread/turns.ts'
import { timersScenario } from './timers.fixtures.ts'

const scenario = timersScenario({ items: 12, waves: 3 })

describe('every timer fires exactly once', () => {
  describe.for([1, 2] as const)('under transaction version %i', (transactionVersion) => {
    const cluster = { transactionVersion, markerDelayMs: 30 }

    test('when the process dies before or after any request and is started again', async () => {
      const plan = { scenario, cluster, successor: 'same process' } as const
      await breakEach(plan, ['dies before', 'dies after'])
    })

    test('when it dies and another process, with nothing on its disk, takes over', async () => {
      const plan = { scenario, cluster, successor: 'other process' } as const
      await breakEach(plan, ['dies before', 'dies after'])
    })

    test('when any request is lost, answered in vain, refused, or comes late', async () => {
      const plan = { scenario, cluster, successor: 'same process' } as const
      await breakEach(plan, ['reply lost', 'request lost', 'refused', 'delivered late'])
    })
  })

  test('and at least once without transactions', async () => {
    const life = { guarantee: 'at-least-once' } as const
    const faults = ['dies before', 'dies after'] as const
    await breakEach({ scenario, life, successor: 'same process' }, faults)
  })

  test.for([1, 2, 3, 4, 5, 6])(
    'in three processes, while everything around them goes wrong (seed %i)',
    async (seed) => {
      await runChaos({ scenario: timersScenario({ items: 60, waves: 20 }), seed, events: 30 })
    },
  )
})

const orders = topic('orders', { key: string, value: json<number>() })
const results = topic('results', { key: string, value: string })

/** A record sets so many timers, an hour from now. */
const later: Processor<string, number, string, string> = {
  process: ({ key, value }, { timers, wallClockMs, forward }) => {
    for (let count = 0; count < value; count++) {
      timers.set(String(count).padStart(5, '0'), wallClockMs + 3_600_000, 'wall-clock')
    }
    forward({ key, value: `record ${value}` })
  },
  onTimer: ({ key, name }, { forward }) => forward({ key, value: `timer ${name}` }),
}
const waiting = topology('waiting', (builder) => {
  builder.stream(orders).process(later, { name: 'later', timers: 'timers' }).to(results)
})

test('timers that came due while nobody ran fire at once, in order', async () => {
  using simulation = new Simulation()
  for (const name of ['orders', 'results']) simulation.cluster.createTopic(name, 1)
  const disk = new Disk()
  const send = (key: string, value: number): void =>
    simulation.write([{ topic: 'orders', key, value: String(value), timestampMs: START_MS }], 1)
  const seen = (): readonly string[] =>
    simulation
      .committed('results', 1)
      .flatMap((records) => records.map(({ value }) => textOf(value) ?? ''))
  await simulation.clock.run(async () => {
    const first = simulation.start({ topology: waiting, disk, clientId: 'first' })
    send('a', 2_000)
    await simulation.until(() => seen().length === 1, 'it is committed')
    first.crash()
    await simulation.clock.sleep(7_200_000)
    simulation.start({ topology: waiting, disk, clientId: 'second' })
    await simulation.until(() => seen().length === 2_001, 'all timers have fired')
    await simulation.stopAll()
  })
  const timers = seen().filter((each) => each.startsWith('timer'))
  expect(timers).toEqual(timers.toSorted())
  expect(new Set(timers).size).toBe(2_000)
})

/** A task that has processed the first of these values, and has the others before it. */
function taskWith(values: readonly string[]): {
  readonly task: Task
  readonly counters: ThreadCounters
} {
  const counters = newThreadCounters()
  const backend = memoryBackend()
  const topics = new DriverTopics(() => 1)
  for (const value of values) {
    const [key, bytes] = [Buffer.from('a'), Buffer.from(value)]
    topics.append('orders', 0, { timestampMs: 1, key, value: bytes, headers: [] })
  }
  const task = new Task({
    id: '0_0',
    topology: waiting,
    applicationId: 'waiting',
    sources: [{ topic: 'orders', partition: 0 }],
    partitions: 1,
    supply: {
      take: topics.reading(),
      mayHaveMore: () => false,
      heardMs: () => -1,
      wake: () => {},
    },
    collector: { send: () => {}, partitionCount: () => 1 },
    backend: () => backend,
    clock: { nowMs: () => 0, sleep: () => Promise.resolve() },
    logger: silentLogger,
    counters,
    cacheMaxBytes: 0,
    readCacheMaxBytes: 0,
    onCommitRequest: () => {},
    openSerde: () => {},
  })
  task.start([{ topic: 'orders', partition: 0, offset: 0, metadata: '' }])
  task.process(1)
  return { task, counters }
}

test('many overdue timers do not keep the loop to themselves, nor hold up records', () => {
  const records = Array.from({ length: 100 }, () => '0')
  const { task, counters } = taskWith(['5000', ...records])
  // Each look at the clock is a millisecond later than the one before.
  let nowMs = 7_200_000
  const turns = new Turns({ nowMs: () => nowMs++, sleep: () => Promise.resolve() }, () => false)
  const fired: number[] = []
  while (task.nextTimerMs() < Infinity) {
    expect(turns.take([task], 10)).toBe(true)
    expect(counters.processed).toBe(101)
    fired.push(counters.timers)
  }
  // Ten slices of sixteen a turn.
  expect(fired.slice(0, 3)).toEqual([160, 320, 480])
  expect(fired).toHaveLength(Math.ceil(5_000 / 160))
  expect(turns.take([task], 10)).toBe(false)
})

test('timers that are due wait while there is no room for what they may send', () => {
  const { task } = taskWith(['10'])
  let isFull = false
  expect(task.fireTimers(7_200_000, 4, () => isFull)).toBe(4)
  isFull = true
  expect(task.fireTimers(7_200_000, 4, () => isFull)).toBe(0)
  expect(task.nextTimerMs()).toBe(3_600_000)
  expect(task.nextWallClockMs()).toBe(3_600_000)
})
