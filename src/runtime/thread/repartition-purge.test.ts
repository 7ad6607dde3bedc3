import { expect, test } from 'vitest'
import { Disk } from '../disk.fixtures.ts'
import { wordCountScenario } from '../scenarios.fixtures.ts'
import { Simulation } from '../simulation.fixtures.ts'

const words = wordCountScenario({ items: 24, waves: 12 })
const REPARTITION = 'word-count-counts-repartition'

test('what is committed of a repartition topic is deleted, and nothing else', async () => {
  using simulation = new Simulation({ markerDelayMs: 50 })
  const { clock, cluster } = simulation
  for (const name of words.topics) cluster.createTopic(name, 2)
  const committedOf = (partition: number): number =>
    cluster.groupState('word-count')?.offsets.get(`${REPARTITION}-${partition}`) ?? 0
  const purges: (readonly [before: number, committed: number])[] = []
  await clock.run(async () => {
    const port = await simulation.connect('admin')
    const startsOf = async (): Promise<readonly number[]> => {
      const partitions = [0, 1].map((partition) => ({ topic: REPARTITION, partition }))
      const starts = await port.listOffsets(partitions, 'earliest', 'read_uncommitted')
      return [...starts.values()].map((start) => start ?? 0)
    }
    simulation.start({ topology: words.topology, disk: new Disk(), clientId: 'one' })
    cluster.faults.onRequest(({ api }) => api === 'deleteRecords', {
      after: async () => {
        const starts = await startsOf()
        starts.forEach((start, partition) => purges.push([start, committedOf(partition)]))
        return undefined
      },
    })
    for (const wave of words.waves) {
      simulation.write(wave)
      await clock.sleep(10_000)
    }
    await simulation.until(() => simulation.hasCommitted('word-count', words.inputs), 'all')
    await simulation.stopAll()
  })
  expect(purges.length).toBeGreaterThanOrEqual(4)
  expect(purges.some(([start]) => start > 0)).toBe(true)
  for (const [start, committed] of purges) expect(start).toBeLessThanOrEqual(committed)
  words.expectExact(simulation)
})

test('a purge that fails is tried again, and disturbs nothing', async () => {
  using simulation = new Simulation()
  const { clock, cluster } = simulation
  for (const name of words.topics) cluster.createTopic(name, 2)
  cluster.faults.loseRequest(({ api }) => api === 'deleteRecords')
  await clock.run(async () => {
    const life = simulation.start({ topology: words.topology, disk: new Disk(), clientId: 'one' })
    for (const wave of words.waves) {
      simulation.write(wave)
      await clock.sleep(10_000)
    }
    await simulation.until(() => simulation.hasCommitted('word-count', words.inputs), 'all')
    expect(life.thread.snapshot().counters.migrations).toBe(0)
    await simulation.stopAll()
  })
  expect(cluster.faults.count(({ api }) => api === 'deleteRecords')).toBeGreaterThanOrEqual(2)
  words.expectExact(simulation)
})

test('a purge that Kafka does not allow is told once, and disturbs nothing', async () => {
  using simulation = new Simulation()
  const { clock, cluster } = simulation
  for (const name of words.topics) cluster.createTopic(name, 2)
  cluster.faults.refuse(
    ({ api }) => api === 'deleteRecords',
    'TOPIC_AUTHORIZATION_FAILED',
    Infinity,
  )
  await clock.run(async () => {
    const life = simulation.start({ topology: words.topology, disk: new Disk(), clientId: 'one' })
    for (const wave of words.waves) {
      simulation.write(wave)
      await clock.sleep(10_000)
    }
    await simulation.until(() => simulation.hasCommitted('word-count', words.inputs), 'all')
    const told = life.notes.filter(({ message }) => message === 'repartition topics not purged')
    expect(told.length).toBeGreaterThanOrEqual(2)
    expect(told.map(({ level }) => level).filter((level) => level === 'warn')).toHaveLength(1)
    await simulation.stopAll()
  })
  words.expectExact(simulation)
})
