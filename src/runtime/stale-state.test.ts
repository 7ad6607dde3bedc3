/** Local state that was right once, and is not any more. */
import { expect, test } from 'vitest'
import { json, keyValueStore, string, topic, topology } from 'millrace'
import type { Life } from './life.fixtures.ts'
import { Disk, Simulation, START_MS, textOf } from './simulation.fixtures.ts'

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

/** One partition, so one task. */
class Counting implements Disposable {
  readonly simulation = new Simulation()
  #lives = 0

  constructor() {
    for (const name of ['words', 'totals']) this.simulation.cluster.createTopic(name, 1)
  }

  start(disk: Disk): Life {
    this.#lives += 1
    const clientId = `life-${this.#lives}`
    return this.simulation.start({ topology: counting, disk, clientId, processId: clientId })
  }

  /** Writes these words and waits until they are counted and committed. */
  async count(...keys: readonly string[]): Promise<void> {
    const timestampMs = START_MS - 1_000
    const records = keys.map((key) => ({ topic: 'words', key, value: 'x', timestampMs }))
    this.simulation.write(records, 1)
    const isCommitted = (): boolean => this.simulation.hasCommitted('counting', ['words'], 1)
    await this.simulation.until(isCommitted, 'the words are counted')
  }

  /** From outside, as a replay does it. */
  async commit(offset: number, metadata: string): Promise<void> {
    const port = await this.simulation.connect('admin')
    const outside = { groupId: 'counting', memberId: '', generation: -1, instanceId: null }
    await port.offsetCommit(outside, [{ topic: 'words', partition: 0, offset, metadata }])
  }

  get last(): string | undefined {
    const record = this.simulation.committed('totals', 1).flat().at(-1)
    return record && `${textOf(record.key)} ${textOf(record.value)}`
  }

  [Symbol.dispose](): void {
    this.simulation[Symbol.dispose]()
  }
}

const restoredBy = ({ thread }: Life): number => thread.snapshot().counters.restored

test('a changelog that was deleted and has outgrown the local position is noticed', async () => {
  using app = new Counting()
  const [old, other] = [new Disk(), new Disk()]
  await app.simulation.clock.run(async () => {
    const first = app.start(old)
    await app.count('a', 'a', 'a')
    await first.stop()
    const port = await app.simulation.connect('admin')
    await port.deleteTopics([CHANGELOG])
    await app.simulation.resetToCurrent('counting', 'words', 1)
    const second = app.start(other)
    await app.count('b', 'b', 'b', 'b', 'a')
    await second.stop()
    const position = old.backend('0_0').position('counts') ?? 0
    expect(app.simulation.cluster.endOffset(CHANGELOG, 0)).toBeGreaterThan(position)
    const third = app.start(old)
    await app.count('a')
    expect(restoredBy(third)).toBe(5)
    await app.simulation.stopAll()
  })
  // As the second counted it, not as the first one had it on its disk.
  expect(app.last).toBe('a 2')
})

test('state of an older generation than that of the offsets is rebuilt, once', async () => {
  using app = new Counting()
  const disk = new Disk()
  await app.simulation.clock.run(async () => {
    const first = app.start(disk)
    await app.count('a', 'b', 'a')
    await first.stop()
    const { cluster } = app.simulation
    await app.commit(cluster.endOffset('words', 0), 'state=2026-01-01')
    const second = app.start(disk)
    await app.count('a')
    expect(restoredBy(second)).toBe(3)
    expect(app.last).toBe('a 3')
    await second.stop()
    // It stays with the offsets that are committed from then on.
    const third = app.start(disk)
    await app.count('a')
    expect(restoredBy(third)).toBe(0)
    await third.stop()
    // An older one does not bring it back.
    await app.commit(cluster.endOffset('words', 0), '')
    const fourth = app.start(disk)
    await app.count('a')
    expect(restoredBy(fourth)).toBe(5)
    await app.simulation.stopAll()
  })
  expect(app.last).toBe('a 5')
})

test('nobody resumes from half of a replay', async () => {
  using app = new Counting()
  const disk = new Disk()
  await app.simulation.clock.run(async () => {
    const first = app.start(disk)
    await app.count('a')
    await first.stop()
    await app.commit(0, 'replay=2026-01-01')
    app.simulation.write([{ topic: 'words', key: 'a', value: 'x', timestampMs: START_MS }], 1)
    expect(await app.start(disk).ended).toMatchObject({ code: 'REPLAY_UNFINISHED' })
    await app.simulation.clock.sleep(5_000)
  })
  expect(app.last).toBe('a 1')
})
