/** What others do to topics, versions and files of an application that runs, or is stopped. */
import { mkdtemp, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { json, keyValueStore, string, topic, topology, type Topology } from 'millrace'
import { directoryStorage } from './state-directory/directory-storage.ts'
import { Disk, Simulation, START_MS, textOf } from './simulation.fixtures.ts'
import type { Life, LifeOptions } from './life.fixtures.ts'

const words = topic('words', { key: string, value: string })
const totals = topic('totals', { key: string, value: json<number>() })
/** Whose rows are on the disk. */
const onDisk = topology('counting', (builder) => {
  builder
    .stream(words)
    .groupByKey()
    .count({
      store: keyValueStore('counts', { key: string, value: json<number>(), backend: 'lmdb' }),
    })
    .toStream()
    .to(totals)
})
const counting = (store = 'counts'): Topology =>
  topology('counting', (builder) => {
    builder
      .stream(words)
      .groupByKey()
      .count({ store: keyValueStore(store, { key: string, value: json<number>() }) })
      .toStream()
      .to(totals)
  })
const copying = (mark = ''): Topology =>
  topology('copying', (builder) => {
    builder
      .stream(words)
      .mapValues((value) => `${value}${mark}`)
      .to(topic('copies', { key: string, value: string }))
  })

const PARTITIONS = 2

/** A cluster on which an application is played with. */
class Play implements Disposable {
  readonly simulation = new Simulation()
  #lives = 0

  constructor() {
    for (const name of ['words', 'totals', 'copies']) {
      this.simulation.cluster.createTopic(name, PARTITIONS)
    }
  }

  run(scene: () => Promise<void>): Promise<void> {
    return this.simulation.clock.run(scene)
  }

  start(options: Partial<LifeOptions> & { readonly topology: Topology }): Life {
    this.#lives += 1
    return this.simulation.start({ disk: new Disk(), clientId: `life-${this.#lives}`, ...options })
  }

  write(keys: readonly string[], partitions = PARTITIONS, value = 'x'): void {
    const timestampMs = START_MS - 1_000
    this.simulation.write(
      keys.map((key) => ({ topic: 'words', key, value, timestampMs })),
      partitions,
    )
  }

  until(holds: () => boolean, what: string): Promise<void> {
    return this.simulation.until(holds, what)
  }

  /** Keys and values of an output, sorted. */
  written(name: string, partitions = PARTITIONS): readonly string[] {
    const records = this.simulation.committed(name, partitions).flat()
    return records.map(({ key, value }) => `${textOf(key)} ${textOf(value)}`).toSorted()
  }

  [Symbol.dispose](): void {
    this.simulation[Symbol.dispose]()
  }
}

const isRunning = ({ thread }: Life): boolean => thread.state === 'running'

describe('an upgrade, instance by instance', () => {
  test('to another graph is refused with the reason, and what runs goes on', async () => {
    using play = new Play()
    await play.run(async () => {
      const old = play.start({ topology: counting() })
      play.write(['a'])
      await play.until(() => play.written('totals').length === 1, 'the old one works')
      const changed = play.start({ topology: counting('counts-2') })
      expect(await changed.ended).toMatchObject({
        code: 'INVALID_TOPOLOGY',
        hint: expect.stringContaining('Stop every instance') as string,
      })
      play.write(['a', 'b'])
      await play.until(() => play.written('totals').length === 3, 'the old one goes on')
      await play.simulation.stopAll().catch(() => {})
      expect(await old.ended).toBeUndefined()
    })
    expect(play.written('totals')).toEqual(['a 1', 'a 2', 'b 1'])
  })

  test('to another graph whose instance leads the group ends the old ones, with the reason', async () => {
    using play = new Play()
    await play.run(async () => {
      const changed = play.start({ topology: counting('counts-2') })
      await play.until(() => changed.thread.tasks.length === 2, 'the new one leads')
      const old = play.start({ topology: counting() })
      expect(await old.ended).toMatchObject({ code: 'INVALID_TOPOLOGY' })
      play.write(['a', 'b'])
      await play.until(() => play.written('totals').length === 2, 'the new one goes on')
      expect(await changed.stop()).toBeUndefined()
    })
    expect(play.written('totals')).toEqual(['a 1', 'b 1'])
  })

  test('to the same graph with other functions rolls, and no record is lost', async () => {
    using play = new Play()
    await play.run(async () => {
      const old = [1, 2].map(() => play.start({ topology: copying() }))
      play.write(['a', 'b', 'c'])
      await play.until(() => play.written('copies').length === 3, 'the old ones work')
      for (const each of old) {
        expect(await each.stop()).toBeUndefined()
        const next = play.start({ topology: copying('!') })
        await play.until(() => isRunning(next), 'its successor runs')
      }
      play.write(['a', 'b', 'c'])
      await play.until(() => play.written('copies').length === 6, 'the new ones work')
      await play.simulation.stopAll()
    })
    expect(play.written('copies')).toEqual(['a x', 'a x!', 'b x', 'b x!', 'c x', 'c x!'])
  })
})

describe('partitions added to an input', () => {
  test('while it runs are read soon, where there is no state', async () => {
    using play = new Play()
    await play.run(async () => {
      const both = [1, 2].map(() => play.start({ topology: copying() }))
      play.write(['a'])
      await play.until(() => play.written('copies').length === 1, 'it works')
      play.simulation.cluster.addPartitions('words', 4)
      const keys = Array.from({ length: 20 }, (_, index) => `k-${index}`)
      play.write(keys, 4)
      await play.simulation.clock.sleep(60_000)
      expect(play.written('copies')).toHaveLength(21)
      expect(both.map(({ thread }) => thread.tasks.length)).toEqual([2, 2])
      await play.simulation.stopAll()
    })
  })

  test.each(['while it runs', 'while it is stopped'])(
    '%s end it where there is state, and nothing is counted in two places',
    async (when) => {
      using play = new Play()
      await play.run(async () => {
        let life = play.start({ topology: counting() })
        play.write(['a', 'b'])
        await play.until(() => play.written('totals').length === 2, 'it works')
        if (when !== 'while it runs') await life.stop()
        play.simulation.cluster.addPartitions('words', 4)
        if (when !== 'while it runs') life = play.start({ topology: counting() })
        expect(await life.ended).toMatchObject({
          code: 'TOPIC_MISMATCHED',
          message: 'internal topic "counting-counts-changelog" has 2 partitions instead of 4',
        })
      })
    },
  )

  test('a topic that a pattern matches is found while it runs', async () => {
    using play = new Play()
    const merging = topology('merging', (builder) => {
      builder
        .stream(/^words/, { key: string, value: string })
        .to(topic('copies', { key: string, value: string }))
    })
    await play.run(async () => {
      play.start({ topology: merging })
      play.write(['a'])
      await play.until(() => play.written('copies').length === 1, 'it works')
      play.simulation.cluster.createTopic('words-of-others', 1)
      const timestampMs = START_MS - 1_000
      play.simulation.write([{ topic: 'words-of-others', key: 'b', value: 'x', timestampMs }], 1)
      await play.until(() => play.written('copies').length === 2, 'the new one is read')
      await play.simulation.stopAll()
    })
  })
})

const CHANGELOG = 'counting-counts-changelog'

describe('a changelog that was deleted', () => {
  test.each(['where the local copy is', 'where there is no copy'])(
    'while it was stopped ends it %s: nothing is counted from zero',
    async (where) => {
      using play = new Play()
      await play.run(async () => {
        const disk = new Disk()
        const before = play.start({ topology: counting(), disk })
        play.write(['a', 'b'])
        await play.until(() => play.written('totals').length === 2, 'it works')
        expect(await before.stop()).toBeUndefined()
        const port = await play.simulation.connect('admin')
        await port.deleteTopics([CHANGELOG])
        play.write(['a', 'b'])
        const on = where === 'where the local copy is' ? disk : new Disk()
        for (const _ of [1, 2]) {
          const after = play.start({ topology: counting(), disk: on })
          expect(await after.ended).toMatchObject({
            code: 'CHANGELOG_LOST',
            message: expect.stringContaining(`"${CHANGELOG}"`) as string,
          })
        }
        // Somebody who knows says that it may be so: what is committed loses what goes with it.
        await play.simulation.resetToCurrent('counting', 'words')
        play.start({ topology: counting(), disk: on })
        await play.until(() => play.written('totals').length === 4, 'it goes on')
        await play.simulation.stopAll().catch(() => {})
      })
      expect(play.written('totals')).toEqual(['a 1', 'a 1', 'b 1', 'b 1'])
    },
  )

  test('while it runs ends it', async () => {
    using play = new Play()
    await play.run(async () => {
      const life = play.start({ topology: counting() })
      play.write(['a', 'b'])
      await play.until(() => play.written('totals').length === 2, 'it works')
      const port = await play.simulation.connect('admin')
      await port.deleteTopics([CHANGELOG])
      play.write(['a', 'b'])
      expect(await life.ended).toMatchObject({
        code: expect.stringMatching(/^(TOPIC_MISSING|CHANGELOG_LOST)$/) as string,
      })
    })
  })

  test('is none where the store is new in the topology', async () => {
    using play = new Play()
    await play.run(async () => {
      const before = play.start({ topology: counting() })
      play.write(['a'])
      await play.until(() => play.written('totals').length === 1, 'it works')
      expect(await before.stop()).toBeUndefined()
      play.start({ topology: counting('others') })
      play.write(['a'])
      await play.until(() => play.written('totals').length === 2, 'it counts in another store')
      await play.simulation.stopAll()
    })
    expect(play.written('totals')).toEqual(['a 1', 'a 1'])
  })
})

describe('an input topic that was deleted', () => {
  test.each([1, 5])(
    'and made again with %i records while it was stopped is read from its beginning',
    async (records) => {
      using play = new Play()
      const keys = Array.from({ length: records }, (_, index) => `new-${index}`)
      await play.run(async () => {
        const before = play.start({ topology: copying() })
        play.write(['a', 'b', 'c'])
        await play.until(() => play.written('copies').length === 3, 'it works')
        expect(await before.stop()).toBeUndefined()
        const port = await play.simulation.connect('admin')
        await port.deleteTopics(['words'])
        play.simulation.cluster.createTopic('words', PARTITIONS)
        play.write(keys)
        const next = play.start({ topology: copying() })
        await play.until(() => play.written('copies').length === 3 + records, 'all are read')
        expect(await next.stop()).toBeUndefined()
        // And only once.
        const last = play.start({ topology: copying() })
        play.write(['z'])
        await play.until(() => play.written('copies').length === 4 + records, 'it goes on')
        expect(await last.stop()).toBeUndefined()
      })
      const all = ['a', 'b', 'c', ...keys, 'z']
      expect(play.written('copies')).toEqual(all.map((key) => `${key} x`).toSorted())
    },
  )

  test('ends an application that starts, with the command that creates it', async () => {
    using play = new Play()
    await play.run(async () => {
      const port = await play.simulation.connect('admin')
      await port.deleteTopics(['words'])
      expect(await play.start({ topology: copying() }).ended).toMatchObject({
        code: 'TOPIC_MISSING',
        hint: expect.stringContaining('millrace topic create words') as string,
      })
    })
  })
})

test.each(['cut short', 'something else'])(
  'a data file on the disk that is %s is removed, and built again from the changelog',
  async (damage) => {
    const path = await mkdtemp(join(tmpdir(), 'millrace-damaged-'))
    using play = new Play()
    await play.run(async () => {
      const storage = directoryStorage(path)
      const before = play.start({ topology: onDisk, storage })
      play.write(['a', 'b', 'c', 'a'])
      await play.until(() => play.written('totals').length === 4, 'it works')
      expect(await before.stop()).toBeUndefined()
      for (const task of storage.tasks()) {
        const file = join(path, task, 'data.mdb')
        if (damage === 'cut short') await truncate(file, (await stat(file)).size / 2)
        else await writeFile(file, 'no database '.repeat(1_000))
      }
      const after = play.start({ topology: onDisk, storage })
      play.write(['a', 'b', 'c'])
      await play.until(() => play.written('totals').length === 7, 'it goes on')
      expect(after.thread.snapshot().counters.restored).toBe(4)
      await play.simulation.stopAll()
    })
    expect(play.written('totals')).toEqual(['a 1', 'a 2', 'a 3', 'b 1', 'b 2', 'c 1', 'c 2'])
    await rm(path, { recursive: true })
  },
)
