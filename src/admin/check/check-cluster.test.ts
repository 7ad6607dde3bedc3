import { describe, expect, test } from 'vitest'
import { json, string, topic, topology, type Topology } from 'millrace'
import { Disk, Simulation, START_MS } from '../../runtime/simulation.fixtures.ts'
import { verdictOf, type Finding } from '../../topology/lock/finding.ts'
import { checkCluster } from './check-cluster.ts'

const texts = topic('texts', { key: string, value: string })

const wordsIn = (store: string): Topology =>
  topology('words', (builder) => {
    builder
      .stream(texts)
      .groupBy((text) => text, { name: 'by-word' })
      .count({ store })
  })
const words = wordsIn('counts')
const inputs = ['texts', 'words-by-word-repartition']

interface Scene {
  readonly simulation: Simulation
  /** Runs it until all is counted, and stops. */
  readonly count: () => Promise<void>
  readonly check: (topology?: Topology) => Promise<readonly Finding[]>
}

async function play(scene: (scene: Scene) => Promise<void>): Promise<void> {
  using simulation = new Simulation()
  simulation.cluster.createTopic('texts', 2)
  const disk = new Disk()
  let lives = 0
  const count = async (): Promise<void> => {
    lives += 1
    const life = simulation.start({ topology: words, disk, clientId: `life-${lives}` })
    simulation.write(
      ['to', 'be', 'or', 'not'].map((value, index) => {
        const timestampMs = START_MS - 1_000 + index
        return { topic: 'texts', key: value, value, timestampMs }
      }),
    )
    await simulation.until(() => simulation.hasCommitted('words', inputs), 'all is counted')
    expect(await life.stop()).toBeUndefined()
    await simulation.clock.sleep(2_000)
  }
  const check = async (checked = words): Promise<readonly Finding[]> => {
    const port = await simulation.connect('checker')
    const deps = { port, clock: simulation.clock, topology: checked, applicationId: 'words' }
    try {
      return await checkCluster(deps)
    } finally {
      await port.close()
    }
  }
  await simulation.clock.run(() => scene({ simulation, count, check }))
}

const factsOf = (findings: readonly Finding[]): readonly string[] =>
  findings.map(({ what }) => what)

describe('a cluster is as the topology needs it', () => {
  test('before it has ever run', async () => {
    await play(async ({ check }) => {
      expect(await check()).toEqual([])
    })
  })

  test('when it has run', async () => {
    await play(async ({ count, check }) => {
      await count()
      expect(await check()).toEqual([])
    })
  })

  test('while it runs, which is said', async () => {
    await play(async ({ simulation, count, check }) => {
      await count()
      const life = simulation.start({ topology: words, disk: new Disk(), clientId: 'at work' })
      await simulation.until(() => life.thread.state === 'running', 'it runs')
      expect(factsOf(await check())).toEqual(['group "words" has 1 member at work'])
      await life.stop()
    })
  })

  test('where topics of an application with a longer name lie beside its own', async () => {
    await play(async ({ simulation, count, check }) => {
      await count()
      const other = topology('words-eu', (builder) => {
        builder.stream(texts).groupByKey().count({ store: 'counts' })
      })
      const life = simulation.start({ topology: other, disk: new Disk(), clientId: 'other' })
      await simulation.until(() => simulation.hasCommitted('words-eu', ['texts']), 'it has run')
      await life.stop()
      expect(await check()).toEqual([])
    })
  })
})

describe('a reset is needed', () => {
  test('where partitions were added to the input', async () => {
    await play(async ({ simulation, count, check }) => {
      await count()
      simulation.cluster.createTopic('texts-2', 3)
      const wider = topology('words', (builder) => {
        builder
          .stream(topic('texts-2', texts))
          .groupBy((text) => text, { name: 'by-word' })
          .count({ store: 'counts' })
      })
      const findings = await check(wider)
      expect(verdictOf(findings)).toBe('reset')
      expect(factsOf(findings)).toEqual([
        'changelog "words-counts-changelog" has 2 partitions, and the input of store "counts" has 3',
        'repartition topic "words-by-word-repartition" has 2 partitions, and must have 3',
      ])
    })
  })

  test('where a store would be filled from the middle of its input', async () => {
    await play(async ({ count, check }) => {
      await count()
      const more = topology('words', (builder) => {
        const stream = builder.stream(texts)
        stream.groupBy((text) => text, { name: 'by-word' }).count({ store: 'counts' })
        stream.groupByKey().reduce((_, text) => text, { store: 'latest' })
      })
      const findings = await check(more)
      expect(verdictOf(findings)).toBe('reset')
      expect(factsOf(findings)).toEqual([
        'store "latest" has no changelog, but group "words" has read its input',
      ])
    })
  })

  test('where the offsets of the group were forgotten, and its state was not', async () => {
    await play(async ({ simulation, count, check }) => {
      await count()
      const port = await simulation.connect('admin')
      await port.deleteGroup('words')
      await port.close()
      const findings = await check()
      expect(verdictOf(findings)).toBe('reset')
      expect(factsOf(findings)).toEqual([
        'store "counts" has rows, but group "words" has no offset for its input',
      ])
    })
  })
})

describe('state would be lost', () => {
  test('where a store has another name', async () => {
    await play(async ({ count, check }) => {
      await count()
      const findings = await check(wordsIn('word-counts'))
      expect(verdictOf(findings)).toBe('loss')
      expect(factsOf(findings)).toContain(
        'topic "words-counts-changelog" holds the rows of a store that the topology does not have',
      )
    })
  })

  test('where records wait in a topic between steps that are not there any more', async () => {
    await play(async ({ simulation, count, check }) => {
      await count()
      const direct = topology('words', (builder) => {
        builder.stream(texts).groupByKey().count({ store: 'counts' })
      })
      expect(verdictOf(await check(direct))).toBe('compatible')
      simulation.write([
        { topic: 'words-by-word-repartition', key: 'to', value: 'to', timestampMs: START_MS },
      ])
      const findings = await check(direct)
      expect(verdictOf(findings)).toBe('loss')
      expect(factsOf(findings)).toEqual([
        'topic "words-by-word-repartition", which the topology does not have, holds a record that was not read',
      ])
    })
  })

  test('where Kafka deletes rows of a changelog', async () => {
    await play(async ({ simulation, check }) => {
      const port = await simulation.connect('admin')
      await port.createTopics([
        {
          name: 'words-counts-changelog',
          partitions: 2,
          replicationFactor: 1,
          configs: { 'cleanup.policy': 'delete' },
        },
      ])
      await port.close()
      const findings = await check()
      expect(verdictOf(findings)).toBe('loss')
      expect(factsOf(findings)).toEqual([
        'changelog "words-counts-changelog" has cleanup.policy=delete',
      ])
    })
  })
})

test('what could not start at all is refused with the reason', async () => {
  await play(async ({ check }) => {
    const missing = topology('words', (builder) => {
      builder.stream(topic('nowhere', { key: string, value: json() })).peek(() => {})
    })
    await expect(check(missing)).rejects.toMatchObject({ code: 'TOPIC_MISSING' })
  })
})
