import { expect, test } from 'vitest'
import { json, string, topic, topology } from 'millrace'
import type { LifeOptions } from '../life.fixtures.ts'
import { Disk, Simulation, START_MS, textOf } from '../simulation.fixtures.ts'

const words = topic('words', { key: string, value: string })
const totals = topic('totals', { key: string, value: json<number>() })

const counting = topology('counting', (builder) => {
  builder.stream(words).groupByKey().count({ store: 'counts' }).toStream().to(totals)
})

interface Outcome {
  readonly totals: readonly string[]
  /** Records in the changelog. */
  readonly changes: number
}

/** Counts these words, all of which are there when the thread starts. */
async function counted(
  keys: readonly string[],
  options: Partial<LifeOptions>,
  prepare: (simulation: Simulation) => void = () => {},
): Promise<Outcome> {
  using simulation = new Simulation()
  for (const name of ['words', 'totals']) simulation.cluster.createTopic(name, 1)
  prepare(simulation)
  await simulation.clock.run(async () => {
    simulation.write(
      keys.map((key) => ({ topic: 'words', key, value: 'x', timestampMs: START_MS })),
      1,
    )
    simulation.start({ topology: counting, disk: new Disk(), clientId: 'one', ...options })
    await simulation.until(() => simulation.hasCommitted('counting', ['words'], 1), 'all')
    await simulation.stopAll()
  })
  return {
    totals: simulation
      .committed('totals', 1)
      .flat()
      .map(({ key, value }) => `${textOf(key)} ${textOf(value)}`),
    changes: simulation.committed('counting-counts-changelog', 1).flat().length,
  }
}

const keys = ['a', 'b', 'a', 'a', 'c', 'b']

test('without a cache every update is sent', async () => {
  expect(await counted(keys, { cacheMaxBytes: 0 })).toEqual({
    totals: ['a 1', 'b 1', 'a 2', 'a 3', 'c 1', 'b 2'],
    changes: 6,
  })
})

test('with one, only the last update of a key before a commit', async () => {
  expect(await counted(keys, { cacheMaxBytes: 1_000_000 })).toEqual({
    totals: ['a 3', 'c 1', 'b 2'],
    changes: 3,
  })
})

test('a cache that is too small gives way before a commit', async () => {
  const { totals: sent, changes } = await counted(keys, { cacheMaxBytes: 500 })
  expect(changes).toBe(sent.length)
  expect(sent.length).toBeGreaterThan(3)
  // Of each key the last one is the count, whatever came before.
  expect(Object.fromEntries(sent.map((each) => each.split(' ')))).toEqual({
    a: '3',
    b: '2',
    c: '1',
  })
})

test('what leaves the cache at a commit is part of that commit', async () => {
  const seen: (readonly [committed: number, offset: number | undefined])[] = []
  await counted(keys, { cacheMaxBytes: 1_000_000 }, (simulation) => {
    const look = (): undefined => {
      const committed = simulation.committed('totals', 1).flat().length
      const offset = simulation.cluster.groupState('counting')?.offsets.get('words-0')
      seen.push([committed, offset])
    }
    simulation.cluster.faults.onRequest(({ api }) => api === 'endTxn', {
      before: look,
      after: look,
    })
  })
  expect(seen.at(-1)).toEqual([3, 6])
  for (const [committed, offset] of seen) expect(committed).toBe(offset === 6 ? 3 : 0)
})
