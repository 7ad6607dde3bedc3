/** Standbys where files are shared, or out of date. */
import { expect, test } from 'vitest'
import { seededRandom } from '../core/random.ts'
import type { Life } from './life.fixtures.ts'
import { Fleet, followedBy, tasksOf } from './standby-fleet.fixtures.ts'

const CHANGELOG = 'counting-counts-changelog'
/** Of the last two the group's leader once made an endless to and fro. */
const seeds = [1, 2, 51, 118]

/** No two of them have the files of a task open at a time: the disk would not have it. */
test.for(seeds)('threads come and go in two processes with a disk each (seed %i)', async (seed) => {
  using fleet = new Fleet({ standbys: 1, acceptableLag: seed % 2 === 0 ? 5 : 10_000 }, 4)
  const random = seededRandom(seed)
  const threads = new Map<string, Life>()
  const places = ['one', 'two'].flatMap((id) => [0, 1].map((index) => [id, index] as const))
  const start = (processId: string, index: number): void => {
    threads.set(`${processId}/${index}`, fleet.start(processId, index))
  }
  let counts = 0
  await fleet.run(async () => {
    for (const [processId, index] of places) start(processId, index)
    for (let step = 0; step < 20; step += 1) {
      fleet.write()
      counts += 1
      await fleet.simulation.clock.sleep(Math.floor(random() * 1_500))
      const [processId, index] = places[Math.floor(random() * places.length)] ?? ['one', 0]
      const thread = threads.get(`${processId}/${index}`)
      if (thread === undefined) {
        start(processId, index)
      } else if (random() < 0.4) {
        // A process dies with all of its threads.
        for (const other of [0, 1]) {
          threads.get(`${processId}/${other}`)?.crash()
          start(processId, other)
        }
      } else {
        threads.delete(`${processId}/${index}`)
        expect(await thread.stop()).toBeUndefined()
      }
    }
    for (const [processId, index] of places) {
      if (!threads.has(`${processId}/${index}`)) start(processId, index)
    }
    await fleet.counted()
    await fleet.settled(...threads.values())
    await fleet.simulation.stopAll()
  })
  fleet.expectCounts(counts)
  fleet.expectDisks()
})

test('a follower that slept through a replay reads all of it again', async () => {
  using fleet = new Fleet()
  await fleet.run(async () => {
    const { clock, cluster } = fleet.simulation
    const [one, two] = [fleet.start('one'), fleet.start('two')]
    await fleet.settled(one, two)
    await fleet.count()
    await fleet.count()
    await fleet.settled(one, two)
    const thaw = two.freeze()
    await one.stop()
    // Its session ends: the group is empty, as a replay wants it.
    await clock.sleep(5_000)
    const port = await fleet.simulation.connect('admin')
    await port.deleteTopics([CHANGELOG])
    const outside = { groupId: 'counting', memberId: '', generation: -1, instanceId: null }
    await port.offsetCommit(
      outside,
      [0, 1].map((partition) => ({
        topic: 'words',
        partition,
        // The first count of each key is left out.
        offset: cluster.endOffset('words', partition) / 2,
        metadata: 'state=2026-01-01',
      })),
    )
    const successor = fleet.start('one')
    await fleet.counted()
    thaw()
    await fleet.settled(successor, two)
    expect([...tasksOf(successor), ...followedBy(successor)].toSorted()).toEqual(['0_0', '0_1'])
    successor.crash()
    await fleet.count()
    await fleet.simulation.stopAll()
  })
  // Twice before the replay; then from the start again, once for what was left in and once more.
  fleet.expectTotals([1, 2, 1, 2])
  fleet.expectDisks()
})
