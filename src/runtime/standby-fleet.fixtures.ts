/** Processes that count words, and follow what the others count. */
import { expect } from 'vitest'
import { json, keyValueStore, string, topic, topology, type Topology } from 'millrace'
import type { Life, LifeOptions } from './life.fixtures.ts'
import { diskState, Disk, Simulation, START_MS, textOf } from './simulation.fixtures.ts'

const words = topic('words', { key: string, value: string })
const totals = topic('totals', { key: string, value: json<number>() })
export const counting = (backend: 'lmdb' | 'memory'): Topology =>
  topology('counting', (builder) => {
    builder
      .stream(words)
      .groupByKey()
      .count({ store: keyValueStore('counts', { key: string, value: json<number>(), backend }) })
      .toStream()
      .to(totals)
  })
const onDisk = counting('lmdb')
const keys = Array.from({ length: 200 }, (_, index) => `key-${index}`)

/** Partitions of words that are counted, in processes with disks of their own. */
export class Fleet implements Disposable {
  readonly simulation = new Simulation()
  readonly #partitions: number
  readonly #disks = new Map<string, Disk>()
  readonly #options: Partial<LifeOptions>
  #written = 0
  #starts = 0

  constructor(options: Partial<LifeOptions> = {}, partitions = 2) {
    this.#options = options
    this.#partitions = partitions
    for (const name of ['words', 'totals']) this.simulation.cluster.createTopic(name, partitions)
  }

  disk(processId: string): Disk {
    const disk = this.#disks.get(processId) ?? new Disk()
    this.#disks.set(processId, disk)
    return disk
  }

  /** A thread; the threads of a process share its disk. */
  start(processId: string, threadIndex = 0): Life {
    this.#starts += 1
    return this.simulation.start({
      topology: onDisk,
      disk: this.disk(processId),
      processId,
      threadIndex,
      clientId: `${processId}-${this.#starts}`,
      standbys: 1,
      ...this.#options,
    })
  }

  write(): void {
    this.#written += 1
    const timestampMs = START_MS - 100_000 + this.#written
    const records = keys.map((key) => ({ topic: 'words', key, value: 'x', timestampMs }))
    this.simulation.write(records, this.#partitions)
  }

  async counted(): Promise<void> {
    const isCommitted = (): boolean =>
      this.simulation.hasCommitted('counting', ['words'], this.#partitions)
    await this.simulation.until(isCommitted, 'the words are counted')
  }

  async count(): Promise<void> {
    this.write()
    await this.counted()
  }

  /** Every task runs in one of these, and has a copy in another one that lacks nothing. */
  async settled(...lives: readonly Life[]): Promise<void> {
    const isSettled = (): boolean => {
      const threads = lives.map(({ thread }) => thread.snapshot())
      const running = threads.flatMap(({ tasks }) => tasks)
      const stores = threads.flatMap(({ standbys }) => standbys.flatMap((each) => each.stores))
      return (
        threads.every(({ state }) => state === 'running') &&
        running.length === this.#partitions &&
        stores.length === this.#partitions &&
        stores.every(({ lag }) => lag === 0)
      )
    }
    await this.simulation.until(isSettled, 'every task has a copy')
  }

  /** Fails where a key was not counted so often, each time once. */
  expectCounts(times: number): void {
    this.expectTotals(Array.from({ length: times }, (_, index) => index + 1))
  }

  /** Fails where the totals of a key were not these. */
  expectTotals(totalsOfKey: readonly number[]): void {
    const seen = this.simulation
      .committed('totals', this.#partitions)
      .flat()
      .map(({ key, value }) => `${textOf(key)} ${textOf(value)}`)
    const all = keys.flatMap((key) => totalsOfKey.map((total) => `${key} ${total}`))
    expect(seen.toSorted()).toEqual(all.toSorted())
  }

  expectDisks(): void {
    for (const disk of this.#disks.values()) {
      const { restored, committed, uncommitted } = diskState(this.simulation, disk, onDisk)
      expect(uncommitted).toEqual([])
      expect(restored).toEqual(committed)
    }
  }

  run(scene: () => Promise<void>): Promise<void> {
    return this.simulation.clock.run(scene)
  }

  [Symbol.dispose](): void {
    this.simulation[Symbol.dispose]()
  }
}

export const restoredBy = ({ thread }: Life): number => thread.snapshot().counters.restored
export const tasksOf = ({ thread }: Life): readonly string[] =>
  thread.snapshot().tasks.map(({ id }) => id)
export const followedBy = ({ thread }: Life): readonly string[] =>
  thread.snapshot().standbys.map(({ task }) => task)
