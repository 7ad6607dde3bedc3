import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { json, keyValueStore, string, topic, topology, type Topology } from 'millrace'
import type { LifeOptions } from '../life.fixtures.ts'
import { diskState, Disk, Simulation, START_MS, textOf } from '../simulation.fixtures.ts'
import { directoryStorage } from '../state-directory/directory-storage.ts'

const words = topic('words', { key: string, value: string })
const totals = topic('totals', { key: string, value: json<number>() })

const counting = (backend: 'lmdb' | 'memory'): Topology =>
  topology('counting', (builder) => {
    builder
      .stream(words)
      .groupByKey()
      .count({ store: keyValueStore('counts', { key: string, value: json<number>(), backend }) })
      .toStream()
      .to(totals)
  })
const onDisk = counting('lmdb')
const CHANGELOG = 'counting-counts-changelog'
const NEVER_MS = 1_000_000_000

/** One partition, so one task. */
class Counting implements Disposable {
  readonly simulation = new Simulation()
  readonly disk = new Disk()
  #written = 0
  #lives = 0

  constructor() {
    for (const name of ['words', 'totals']) this.simulation.cluster.createTopic(name, 1)
  }

  start(options: Partial<LifeOptions> = {}) {
    this.#lives += 1
    return this.simulation.start({
      topology: onDisk,
      disk: this.disk,
      clientId: `life-${this.#lives}`,
      processId: 'process',
      ...options,
    })
  }

  /** Writes these words, and waits until they are counted and committed. */
  async count(...keys: readonly string[]): Promise<void> {
    this.simulation.write(
      keys.map((key) => {
        this.#written += 1
        return { topic: 'words', key, value: 'x', timestampMs: START_MS - 100_000 + this.#written }
      }),
      1,
    )
    const isCommitted = (): boolean => this.simulation.hasCommitted('counting', ['words'], 1)
    await this.simulation.until(isCommitted, 'the words are counted')
  }

  run(scene: () => Promise<void>): Promise<void> {
    return this.simulation.clock.run(scene)
  }

  get totals(): readonly string[] {
    return this.simulation
      .committed('totals', 1)
      .flat()
      .map(({ key, value }) => `${textOf(key)} ${textOf(value)}`)
  }

  [Symbol.dispose](): void {
    this.simulation[Symbol.dispose]()
  }
}

const restoredBy = ({ thread }: ReturnType<Counting['start']>): number =>
  thread.snapshot().counters.restored

test('a store that was checkpointed restores only its tail after a crash', async () => {
  using counting = new Counting()
  await counting.run(async () => {
    const first = counting.start()
    await counting.count('a', 'b', 'a')
    await first.stop()
    const second = counting.start({ checkpointIntervalMs: NEVER_MS })
    await counting.count('a', 'c')
    expect(restoredBy(second)).toBe(0)
    second.crash()
    const third = counting.start()
    await counting.count('a', 'b', 'c')
    expect(restoredBy(third)).toBe(2)
  })
  expect(counting.totals).toEqual(['a 1', 'b 1', 'a 2', 'a 3', 'c 1', 'a 4', 'b 2', 'c 2'])
})

test('a store in memory restores everything', async () => {
  using counted = new Counting()
  const inMemory = counting('memory')
  await counted.run(async () => {
    const first = counted.start({ topology: inMemory })
    await counted.count('a', 'b', 'a')
    await first.stop()
    const second = counted.start({ topology: inMemory })
    await counted.count('a')
    expect(restoredBy(second)).toBe(3)
  })
  expect(counted.totals).toEqual(['a 1', 'b 1', 'a 2', 'a 3'])
  expect(counted.disk.tasks).toEqual([])
})

test('a changelog that was cut off before the checkpoint is what counts', async () => {
  using counting = new Counting()
  await counting.run(async () => {
    const first = counting.start()
    await counting.count('a', 'b')
    await first.stop()
    const position = counting.disk.backend('0_0').position('counts') ?? 0
    const second = counting.start({ checkpointIntervalMs: NEVER_MS })
    await counting.count('c', 'd')
    second.crash()
    // Keeps no more than the last change, of d.
    const { cluster } = counting.simulation
    const [last] = cluster.records(CHANGELOG, 0, 'read_committed').slice(-1)
    expect(last?.offset).toBeGreaterThan(position)
    cluster.deleteRecordsBefore(CHANGELOG, 0, last?.offset ?? 0)
    const third = counting.start()
    await counting.count('a', 'd')
    expect(restoredBy(third)).toBe(1)
  })
  expect(counting.totals.slice(-2)).toEqual(['a 1', 'd 2'])
})

test('a store ahead of its changelog, which was created anew, starts again from nothing', async () => {
  using counting = new Counting()
  await counting.run(async () => {
    const first = counting.start()
    await counting.count('a', 'a', 'a')
    await first.stop()
    const port = await counting.simulation.connect('admin')
    await port.deleteTopics([CHANGELOG])
    await counting.simulation.resetToCurrent('counting', 'words', 1)
    const second = counting.start()
    await counting.count('a')
    expect(restoredBy(second)).toBe(0)
    await counting.simulation.stopAll()
  })
  expect(counting.totals.slice(-1)).toEqual(['a 1'])
  const { restored, committed } = diskState(counting.simulation, counting.disk, onDisk)
  expect(restored).toEqual(committed)
})

test('a changelog that is cut off while it is read is read from where it begins now', async () => {
  using counting = new Counting()
  await counting.run(async () => {
    const first = counting.start()
    await counting.count('a', 'a', 'b', 'b')
    first.crash()
    counting.disk.corrupted.add('0_0')
    const { cluster } = counting.simulation
    const kept = cluster.records(CHANGELOG, 0, 'read_committed').slice(-2)[0]?.offset ?? 0
    let isCut = false
    cluster.faults.onRequest(
      ({ api, partitions }) => api === 'fetch' && partitions[0]?.topic === CHANGELOG,
      {
        before: () => {
          if (!isCut) cluster.deleteRecordsBefore(CHANGELOG, 0, kept)
          isCut = true
          return undefined
        },
      },
    )
    counting.start()
    await counting.count('a', 'b')
    expect(isCut).toBe(true)
  })
  // What was before the cut is lost, what was behind it is not.
  expect(counting.totals.slice(-2)).toEqual(['a 1', 'b 3'])
})

test('files that cannot be opened are removed and rebuilt', async () => {
  using counting = new Counting()
  await counting.run(async () => {
    const first = counting.start()
    await counting.count('a', 'b')
    await first.stop()
    counting.disk.corrupted.add('0_0')
    const second = counting.start()
    await counting.count('a')
    expect(restoredBy(second)).toBe(2)
    await counting.simulation.stopAll()
  })
  expect(counting.disk.wiped).toEqual(['0_0'])
  expect(counting.totals).toEqual(['a 1', 'b 1', 'a 2'])
})

test('files that turn out to be broken cost only their own task a rebuild', async () => {
  using simulation = new Simulation()
  for (const name of ['words', 'totals']) simulation.cluster.createTopic(name, 2)
  const disk = new Disk()
  const keys = Array.from({ length: 8 }, (_, index) => `key-${index}`)
  const write = (): void =>
    simulation.write(
      keys.map((key) => ({ topic: 'words', key, value: 'x', timestampMs: START_MS })),
    )
  const isCommitted = (): boolean => simulation.hasCommitted('counting', ['words'])
  await simulation.clock.run(async () => {
    const first = simulation.start({ topology: onDisk, disk, clientId: 'first' })
    write()
    await simulation.until(isCommitted, 'all is counted once')
    await first.stop()
    disk.brokenInside.add('0_1')
    const second = simulation.start({ topology: onDisk, disk, clientId: 'second' })
    write()
    await simulation.until(isCommitted, 'all is counted twice')
    expect(second.thread.snapshot().counters.migrations).toBe(1)
    await simulation.stopAll()
  })
  expect(disk.wiped).toEqual(['0_1'])
  const last = new Map(
    simulation
      .committed('totals')
      .flat()
      .map(({ key, value }) => [textOf(key), textOf(value)]),
  )
  expect(Object.fromEntries(last)).toEqual(Object.fromEntries(keys.map((key) => [key, '2'])))
})

test('what is not committed in Kafka is never on the disk', async () => {
  using counting = new Counting()
  let looks = 0
  counting.simulation.cluster.faults.onRequest(({ api }) => api === 'endTxn', {
    before: () => {
      looks += 1
      const { uncommitted } = diskState(counting.simulation, counting.disk, onDisk)
      expect(uncommitted).toEqual([])
      return undefined
    },
  })
  await counting.run(async () => {
    const life = counting.start({ checkpointIntervalMs: 0 })
    for (const key of ['a', 'b', 'a']) await counting.count(key)
    await life.stop()
  })
  expect(looks).toBe(3)
})

test('a crash in the middle of a long checkpoint costs nothing but the replay', async () => {
  using counting = new Counting()
  const keys = Array.from({ length: 5_000 }, (_, index) => `key-${index}`)
  await counting.run(async () => {
    const first = counting.start({ checkpointIntervalMs: 0 })
    let writes = 0
    const died = Promise.withResolvers<void>()
    counting.disk.onWrite = () => {
      writes += 1
      if (writes !== 2) return
      first.crash()
      died.resolve()
    }
    await counting.count(...keys)
    // What is counted meanwhile is not in the checkpoint that is under way.
    counting.simulation.write(
      keys.map((key) => ({ topic: 'words', key, value: 'x', timestampMs: START_MS })),
      1,
    )
    await died.promise
    const { restored, committed, uncommitted } = diskState(
      counting.simulation,
      counting.disk,
      onDisk,
    )
    expect(uncommitted).toEqual([])
    expect(restored).toEqual(committed)
    const second = counting.start()
    await counting.count('key-0')
    expect(restoredBy(second)).toBeGreaterThan(0)
  })
  const last = new Map(counting.totals.map((each) => each.split(' ') as [string, string]))
  expect(last.get('key-0')).toBe('3')
  expect([...last.values()].filter((count) => count === '2')).toHaveLength(4_999)
})

test('a look-up for a task that was given up does not disturb the same task, opened anew', async () => {
  using simulation = new Simulation()
  for (const name of ['words', 'totals']) simulation.cluster.createTopic(name, 2)
  const inMemory = counting('memory')
  const keys = Array.from({ length: 8 }, (_, index) => `key-${index}`)
  const write = (): void =>
    simulation.write(
      keys.map((key) => ({ topic: 'words', key, value: 'x', timestampMs: START_MS })),
    )
  const isCommitted = (): boolean => simulation.hasCommitted('counting', ['words'])
  await simulation.clock.run(async () => {
    const first = simulation.start({ topology: inMemory, disk: new Disk(), clientId: 'first' })
    write()
    await simulation.until(isCommitted, 'all is counted once')
    await first.stop()
    const { faults } = simulation.cluster
    const isOfOne =
      (topicName: string) =>
      (request: {
        readonly partitions: readonly { readonly topic: string; readonly partition: number }[]
      }): boolean =>
        request.partitions.some(
          ({ topic: name, partition }) => name === topicName && partition === 1,
        )
    const looksUp = isOfOne(CHANGELOG)
    // The look-up of task 0_1 takes long; meanwhile 0_0 loses an answer, and all is given up.
    faults.delay((request) => request.api === 'listOffsets' && looksUp(request), 1_000, 2)
    faults.delay((request) => request.api === 'fetch' && looksUp(request), 3_000)
    faults.loseReply(({ api }) => api === 'endTxn')
    const second = simulation.start({ topology: inMemory, disk: new Disk(), clientId: 'second' })
    write()
    await simulation.until(isCommitted, 'all is counted twice')
    expect(second.thread.snapshot().counters.migrations).toBe(1)
    await simulation.stopAll()
  })
  const last = new Map(
    simulation
      .committed('totals')
      .flat()
      .map(({ key, value }) => [textOf(key), textOf(value)]),
  )
  expect(Object.fromEntries(last)).toEqual(Object.fromEntries(keys.map((key) => [key, '2'])))
})

test('a store on a real disk goes on where it was after a crash', async () => {
  const path = await mkdtemp(join(tmpdir(), 'millrace-restore-'))
  using counting = new Counting()
  await counting.run(async () => {
    const storage = directoryStorage(path)
    const first = counting.start({ storage, checkpointIntervalMs: 0 })
    await counting.count('a', 'b')
    await counting.count('a', 'c')
    first.crash()
    await first.ended
    const second = counting.start({ storage })
    await counting.count('a', 'b', 'c')
    // All was checkpointed before the crash.
    expect(restoredBy(second)).toBe(0)
    await counting.simulation.stopAll()
  })
  expect(counting.totals).toEqual(['a 1', 'b 1', 'a 2', 'c 1', 'a 3', 'b 2', 'c 2'])
  await rm(path, { recursive: true })
})
