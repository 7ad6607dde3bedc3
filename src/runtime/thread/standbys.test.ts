/** What is followed, beside the thread that writes it. */
import { expect, test } from 'vitest'
import { json, keyValueStore, string, topic, topology, tumbling } from 'millrace'
import { newThreadCounters } from '../../core/metrics.ts'
import { silentLogger } from '../../core/logger.ts'
import { StreamsError } from '../../core/errors.ts'
import type { TaskId } from '../../core/task-id.ts'
import type { Topology } from '../../topology/topology.ts'
import type { Life } from '../life.fixtures.ts'
import { diskState, Disk, Simulation, START_MS, textOf } from '../simulation.fixtures.ts'
import { Standbys } from './standbys.ts'

const words = topic('words', { key: string, value: string })
const totals = topic('totals', { key: string, value: json<number>() })
const counting = topology('counting', (builder) => {
  builder
    .stream(words)
    .groupByKey()
    .count({ store: keyValueStore('counts', { key: string, value: json<number>() }) })
    .toStream()
    .to(totals)
})
const CHANGELOG = 'counting-counts-changelog'
const TASK: TaskId = '0_0'

/** One partition: a task that a thread runs, and standbys of it on another disk. */
class Pair implements Disposable {
  readonly simulation = new Simulation()
  readonly own = new Disk()
  readonly other = new Disk()
  readonly counters = newThreadCounters()
  readonly #topology: Topology
  #lives = 0

  constructor(topologyOfPair = counting) {
    this.#topology = topologyOfPair
    for (const name of ['words', 'totals']) this.simulation.cluster.createTopic(name, 1)
  }

  start(disk: Disk): Life {
    this.#lives += 1
    const clientId = `life-${this.#lives}`
    return this.simulation.start({ topology: this.#topology, disk, clientId, processId: clientId })
  }

  /** Follows the task until it is told to stop, as a thread would do it. */
  async follow(disk = this.other): Promise<Following> {
    const { clock } = this.simulation
    const port = await this.simulation.connect(`follower-${(this.#lives += 1)}`)
    const storage = disk.mount()
    const standbys = new Standbys({
      port,
      clock,
      logger: silentLogger,
      topology: this.#topology,
      applicationId: this.#topology.name,
      checkpointIntervalMs: 60,
      acceptableLag: 0,
      storage,
      counters: this.counters,
      onEvent: () => {},
    })
    const sources = [{ topic: 'words', partition: 0 }]
    standbys.open({ id: TASK, sources, partitions: 1 })
    const ending = new AbortController()
    const loop = (async () => {
      while (!ending.signal.aborted) {
        standbys.advance(false)
        await clock.sleep(5)
      }
    })()
    const end = async (): Promise<void> => {
      ending.abort()
      await loop
    }
    return {
      standbys,
      stop: async () => {
        await end()
        await standbys.end(true)
      },
      crash: async () => {
        storage.unmount()
        await end()
        await standbys.end(false)
      },
    }
  }

  async caughtUp({ standbys }: Following): Promise<void> {
    await this.simulation.until(() => standbys.caughtUp.includes(TASK), 'the standby is caught up')
  }

  /** Writes these words and waits until they are counted and committed. */
  async count(...keys: readonly string[]): Promise<void> {
    const timestampMs = START_MS - 1_000
    this.simulation.write(
      keys.map((key) => ({ topic: 'words', key, value: 'x', timestampMs })),
      1,
    )
    const isCommitted = (): boolean =>
      this.simulation.hasCommitted(this.#topology.name, ['words'], 1)
    await this.simulation.until(isCommitted, 'the words are counted')
  }

  run(scene: () => Promise<void>): Promise<void> {
    return this.simulation.clock.run(scene)
  }

  get last(): string | undefined {
    const record = this.simulation.committed('totals', 1).flat().at(-1)
    return record && `${textOf(record.key)} ${textOf(record.value)}`
  }

  [Symbol.dispose](): void {
    this.simulation[Symbol.dispose]()
  }
}

interface Following {
  readonly standbys: Standbys
  readonly stop: () => Promise<void>
  readonly crash: () => Promise<void>
}

const restoredBy = ({ thread }: Life): number => thread.snapshot().counters.restored

test('a standby follows, and whoever runs the task on its disk has nothing to restore', async () => {
  using pair = new Pair()
  await pair.run(async () => {
    const owner = pair.start(pair.own)
    await pair.count('a', 'b')
    const following = await pair.follow()
    await pair.caughtUp(following)
    await pair.count('a', 'c', 'a')
    await pair.caughtUp(following)
    expect(pair.counters.followed).toBe(5)
    await following.stop()
    const { restored, committed } = diskState(pair.simulation, pair.other, counting)
    expect(Object.keys(restored)).toHaveLength(1)
    expect(restored).toEqual(committed)
    await owner.stop()
    const successor = pair.start(pair.other)
    await pair.count('a')
    expect(restoredBy(successor)).toBe(0)
    await pair.simulation.stopAll()
  })
  expect(pair.last).toBe('a 4')
})

test('a standby has nothing that is not committed', async () => {
  using pair = new Pair()
  let looks = 0
  pair.simulation.cluster.faults.onRequest(({ api }) => api === 'endTxn', {
    before: () => {
      looks += 1
      expect(diskState(pair.simulation, pair.other, counting).uncommitted).toEqual([])
      return undefined
    },
  })
  await pair.run(async () => {
    const owner = pair.start(pair.own)
    const following = await pair.follow()
    for (const key of ['a', 'b', 'a']) await pair.count(key)
    await owner.stop()
    await following.stop()
  })
  expect(looks).toBeGreaterThan(2)
})

test('a standby that was killed goes on from where it had written', async () => {
  using pair = new Pair()
  await pair.run(async () => {
    pair.start(pair.own)
    const first = await pair.follow()
    await pair.count('a', 'b')
    await pair.caughtUp(first)
    await pair.simulation.clock.sleep(200)
    await first.crash()
    await pair.count('a')
    const second = await pair.follow()
    await pair.caughtUp(second)
    expect(pair.counters.followed).toBe(3)
    await second.stop()
    await pair.simulation.stopAll()
  })
  const { restored, committed } = diskState(pair.simulation, pair.other, counting)
  expect(restored).toEqual(committed)
})

test('a changelog that lost its beginning is what counts', async () => {
  using pair = new Pair()
  await pair.run(async () => {
    pair.start(pair.own)
    await pair.count('a', 'b')
    const first = await pair.follow()
    await pair.caughtUp(first)
    await first.stop()
    await pair.count('c', 'd')
    const { cluster } = pair.simulation
    const last = cluster.records(CHANGELOG, 0, 'read_committed').at(-1)
    cluster.deleteRecordsBefore(CHANGELOG, 0, last?.offset ?? 0)
    const second = await pair.follow()
    await pair.caughtUp(second)
    await second.stop()
    await pair.simulation.stopAll()
  })
  const rows = [...pair.other.backend(TASK).store('counts').range(null, null, 'forward')]
  expect(rows.map(([key]) => textOf(key))).toEqual(['d'])
})

test('a changelog that loses what comes next, while it is followed, is read anew', async () => {
  using pair = new Pair()
  await pair.run(async () => {
    pair.start(pair.own)
    await pair.count('a', 'b')
    const { cluster } = pair.simulation
    cluster.faults.refuse(
      ({ api, clientId }) => api === 'fetch' && clientId.startsWith('follower'),
      'OFFSET_OUT_OF_RANGE',
    )
    const following = await pair.follow()
    await pair.caughtUp(following)
    await pair.count('a')
    await pair.caughtUp(following)
    await following.stop()
    await pair.simulation.stopAll()
  })
  const { restored, committed } = diskState(pair.simulation, pair.other, counting)
  expect(restored).toEqual(committed)
})

test('files that cannot be opened, or turn out to be broken, are removed and read again', async () => {
  using pair = new Pair()
  await pair.run(async () => {
    const owner = pair.start(pair.own)
    await pair.count('a', 'b')
    const first = await pair.follow()
    await pair.caughtUp(first)
    await first.stop()
    pair.other.corrupted.add(TASK)
    const second = await pair.follow()
    await pair.caughtUp(second)
    await second.stop()
    await owner.stop()
    pair.start(pair.other)
    await pair.count('a')
    await pair.simulation.stopAll()
  })
  expect(pair.other.wiped).toEqual([TASK])
  expect(pair.last).toBe('a 2')
})

test('a disk that is full holds up a standby alone, until there is room', async () => {
  using pair = new Pair()
  let failed = 0
  pair.other.onWrite = () => {
    failed += 1
    const full = { message: 'the disk is full', hint: 'None: the test ordered it.' }
    throw new StreamsError('STATE_DIRECTORY_UNUSABLE', full)
  }
  await pair.run(async () => {
    pair.start(pair.own)
    await pair.count('a', 'b')
    const following = await pair.follow()
    for (let second = 0; second < 60; second += 2) {
      await pair.count('a')
      await pair.simulation.clock.sleep(2_000)
    }
    // Again and again, but not all the time.
    expect(failed).toBeGreaterThan(3)
    expect(failed).toBeLessThan(12)
    await pair.count('a')
    pair.other.onWrite = () => {}
    await pair.simulation.clock.sleep(40_000)
    await pair.caughtUp(following)
    await following.stop()
    await pair.simulation.stopAll()
  })
  const { restored, committed } = diskState(pair.simulation, pair.other, counting)
  expect(restored).toEqual(committed)
})

test('a changelog that is deleted while it is followed is not trusted by who takes over', async () => {
  using pair = new Pair()
  await pair.run(async () => {
    const owner = pair.start(pair.own)
    await pair.count('a', 'a', 'a')
    const following = await pair.follow()
    await pair.caughtUp(following)
    await owner.stop()
    const port = await pair.simulation.connect('admin')
    await port.deleteTopics([CHANGELOG])
    await pair.simulation.resetToCurrent('counting', 'words', 1)
    // Outgrows the position of the standby, under the same name.
    const anew = pair.start(new Disk())
    await pair.count('b', 'b', 'b', 'b', 'b', 'b', 'a')
    await pair.simulation.clock.sleep(1_000)
    await following.stop()
    await anew.stop()
    pair.start(pair.other)
    await pair.count('a')
    await pair.simulation.stopAll()
  })
  // As the second counted it, not as the standby had it.
  expect(pair.last).toBe('a 2')
})

test('what is followed is looked up again: another changelog is followed in the end', async () => {
  using pair = new Pair()
  await pair.run(async () => {
    const owner = pair.start(pair.own)
    await pair.count('a', 'a', 'a')
    const following = await pair.follow()
    await pair.caughtUp(following)
    await owner.stop()
    const port = await pair.simulation.connect('admin')
    await port.deleteTopics([CHANGELOG])
    await pair.simulation.resetToCurrent('counting', 'words', 1)
    const anew = pair.start(new Disk())
    await pair.count('b', 'b', 'b', 'b', 'b', 'b', 'a')
    await pair.simulation.clock.sleep(180_000)
    await pair.caughtUp(following)
    await following.stop()
    await anew.stop()
    const successor = pair.start(pair.other)
    await pair.count('a')
    expect(restoredBy(successor)).toBe(0)
    await pair.simulation.stopAll()
  })
  expect(pair.last).toBe('a 2')
})

test('state of another generation than that of the offsets is read again', async () => {
  using pair = new Pair()
  await pair.run(async () => {
    const owner = pair.start(pair.own)
    await pair.count('a', 'b', 'a')
    const first = await pair.follow()
    await pair.caughtUp(first)
    await first.stop()
    await owner.stop()
    const port = await pair.simulation.connect('admin')
    const outside = { groupId: 'counting', memberId: '', generation: -1, instanceId: null }
    const offset = pair.simulation.cluster.endOffset('words', 0)
    const at = (metadata: string) => [{ topic: 'words', partition: 0, offset, metadata }]
    await port.offsetCommit(outside, at('replay=2026-01-01'))
    const second = await pair.follow()
    await pair.simulation.clock.sleep(5_000)
    // Nobody begins from half of a replay.
    expect(second.standbys.following).toEqual([])
    await port.offsetCommit(outside, at('state=2026-01-01'))
    await pair.caughtUp(second)
    expect(pair.counters.followed).toBe(6)
    await second.stop()
    const successor = pair.start(pair.other)
    await pair.count('a')
    expect(restoredBy(successor)).toBe(0)
    await pair.simulation.stopAll()
  })
  expect(pair.last).toBe('a 3')
})

test('a copy of windows lets go of those that have expired', async () => {
  const windows = topology('windows', (builder) => {
    builder
      .stream(words)
      .groupByKey()
      .windowedBy(tumbling('1m', { grace: '1m' }))
      .count({ store: 'counts' })
  })
  using pair = new Pair(windows)
  const rows = (): number =>
    [...pair.other.backend(TASK).store('counts').range(null, null, 'forward')].length
  await pair.run(async () => {
    pair.start(pair.own)
    const following = await pair.follow()
    for (let minute = 0; minute < 60; minute += 1) {
      const timestampMs = START_MS + minute * 60_000
      pair.simulation.write([{ topic: 'words', key: 'a', value: 'x', timestampMs }], 1)
    }
    await pair.count()
    await pair.caughtUp(following)
    await pair.simulation.clock.sleep(1_000)
    await following.stop()
    await pair.simulation.stopAll()
  })
  expect(pair.counters.followed).toBeGreaterThanOrEqual(60)
  expect(rows()).toBeLessThan(10)
})
