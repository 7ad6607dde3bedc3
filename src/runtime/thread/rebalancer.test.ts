import { expect, test } from 'vitest'
import { string, topic, topology } from 'millrace'
import { Disk } from '../disk.fixtures.ts'
import type { Life, LifeOptions } from '../life.fixtures.ts'
import { ordersScenario, wordCountScenario, type Scenario } from '../scenarios.fixtures.ts'
import { Simulation, START_MS, textOf } from '../simulation.fixtures.ts'

const words = wordCountScenario({ items: 24, waves: 12 })
const orders = ordersScenario({ items: 8, waves: 10 })

function simulated(scenario: Scenario): Simulation {
  const simulation = new Simulation({ markerDelayMs: 30 })
  for (const name of scenario.topics) simulation.cluster.createTopic(name, 2)
  return simulation
}

interface Play {
  readonly simulation: Simulation
  readonly start: (clientId: string, options?: Partial<LifeOptions>) => Life
  /** Writes so many waves at once. */
  readonly write: (waves: number) => void
  /** Until all that was written is committed. */
  readonly committed: () => Promise<void>
  /** Until all of these run and have tasks. */
  readonly running: (...lives: readonly Life[]) => Promise<void>
}

/** Acts a scene, then the rest of the input; all of it must come out exactly once. */
async function play(scenario: Scenario, scene: (play: Play) => Promise<void>): Promise<void> {
  using simulation = simulated(scenario)
  const { topology, waves, inputs } = scenario
  let written = 0
  const write = (count: number): void => {
    for (const wave of waves.slice(written, written + count)) simulation.write(wave)
    written += count
  }
  const committed = (): Promise<void> =>
    simulation.until(() => simulation.hasCommitted(topology.name, inputs), 'all is committed')
  await simulation.clock.run(async () => {
    await scene({
      simulation,
      write,
      committed,
      start: (clientId, options) =>
        simulation.start({ topology, disk: new Disk(), clientId, ...options }),
      running: (...lives) =>
        simulation.until(
          () => lives.every(({ thread }) => thread.state === 'running' && thread.tasks.length > 0),
          'all run',
        ),
    })
    write(waves.length)
    await committed()
    await simulation.stopAll()
  })
  scenario.expectExact(simulation)
}

const tasksOf = (life: Life): readonly string[] => life.thread.tasks.map(({ id }) => id).toSorted()

const everyTask = ['0_0', '0_1', '1_0', '1_1']

test('a thread that joins takes its share, and no task ever runs twice', async () => {
  await play(words, async ({ simulation, start, write, committed, running }) => {
    const first = start('first')
    write(4)
    await committed()
    expect(tasksOf(first)).toEqual(everyTask)
    const second = start('second')
    await running(first, second)
    expect([...tasksOf(first), ...tasksOf(second)].toSorted()).toEqual(everyTask)
    expect(tasksOf(second)).toHaveLength(2)
    // What stays was never closed.
    expect(first.tasksThat('task closed').toSorted()).toEqual(tasksOf(second))
    write(4)
    await committed()
    expect(simulation.overlaps).toEqual([])
    expect(first.thread.snapshot().counters.migrations).toBe(0)
  })
})

test('tasks go on while the group is long in agreeing', async () => {
  await play(words, async ({ simulation, start, write, committed, running }) => {
    const first = start('first')
    write(2)
    await committed()
    const { faults } = simulation.cluster
    faults.delay(({ api }) => api === 'syncGroup', 400, 2)
    const second = start('second')
    await simulation.until(() => first.thread.state === 'rebalancing', 'the group rebalances')
    const before = first.thread.snapshot().counters.processed
    write(1)
    await simulation.clock.sleep(200)
    expect(first.thread.state).toBe('rebalancing')
    expect(first.thread.snapshot().counters.processed).toBeGreaterThan(before)
    await running(first, second)
    expect(first.thread.snapshot().counters.migrations).toBe(0)
  })
})

test('what a task does while the group agrees is committed before it moves', async () => {
  await play(orders, async ({ simulation, start, write, committed, running }) => {
    const rarely = { commitIntervalMs: 10_000, transactionTimeoutMs: 60_000 }
    const first = start('first', rarely)
    write(2)
    await committed()
    const { faults } = simulation.cluster
    faults.delay(({ api }) => api === 'syncGroup', 400, 2)
    const second = start('second', rarely)
    await simulation.until(() => first.thread.state === 'rebalancing', 'the group rebalances')
    const before = first.thread.snapshot().counters
    write(2)
    await simulation.clock.sleep(200)
    expect(first.thread.state).toBe('rebalancing')
    expect(first.thread.snapshot().counters.processed).toBeGreaterThan(before.processed)
    expect(first.thread.snapshot().counters.commits).toBe(before.commits)
    await running(first, second)
    expect(simulation.overlaps).toEqual([])
  })
})

test('while the group waits for a member, the others go on committing', async () => {
  await play(words, async ({ simulation, start, write, committed, running }) => {
    const [one, two] = [start('one'), start('two')]
    await running(one, two)
    write(4)
    await committed()
    const { faults } = simulation.cluster
    faults.delay(({ api, clientId }) => api === 'joinGroup' && clientId === 'two', 700)
    const third = start('third')
    const joins = faults.count(({ api, clientId }) => api === 'joinGroup' && clientId === 'one')
    await simulation.until(
      () => faults.count(({ api, clientId }) => api === 'joinGroup' && clientId === 'one') > joins,
      'one joins again',
    )
    const before = one.thread.snapshot().counters.commits
    write(3)
    await simulation.clock.sleep(200)
    expect(one.thread.state).toBe('rebalancing')
    expect(one.thread.snapshot().counters.commits).toBeGreaterThan(before)
    await running(one, two, third)
    for (const life of [one, two, third]) {
      expect(life.thread.snapshot().counters.migrations).toBe(0)
    }
    expect(simulation.overlaps).toEqual([])
  })
})

test('a commit that a new generation overtakes is sent again in it', async () => {
  for (const guarantee of ['exactly-once', 'at-least-once'] as const) {
    await play(words, async ({ simulation, start, write, committed, running }) => {
      const first = start('first', { guarantee })
      write(4)
      await committed()
      const { faults } = simulation.cluster
      const isCommit = (api: string): boolean => api === 'txnOffsetCommit' || api === 'offsetCommit'
      const generation = (): number => simulation.cluster.groupState('word-count')?.generation ?? 0
      const sentIn: number[] = []
      faults.onRequest(({ api, clientId }) => api === 'joinGroup' && clientId === 'first', {
        before: () => {
          // It goes in while the group waits for the answers of others, and arrives afterwards.
          faults.delay(({ api, clientId }) => isCommit(api) && clientId === 'first', 150)
          return undefined
        },
      })
      faults.onRequest(({ api, clientId }) => isCommit(api) && clientId === 'first', {
        before: () => {
          sentIn.push(generation())
          return undefined
        },
      })
      faults.delay(({ api, clientId }) => api === 'joinGroup' && clientId === 'first', 100)
      const second = start('second', { guarantee })
      await simulation.until(() => first.thread.state === 'rebalancing', 'the group rebalances')
      write(3)
      await running(first, second)
      await committed()
      expect(new Set(sentIn).size).toBeGreaterThan(1)
      expect(first.thread.snapshot().counters.migrations).toBe(0)
      expect(simulation.overlaps).toEqual([])
    })
  }
})

test('a thread that leaves hands its work over at once', async () => {
  await play(words, async ({ simulation, start, write, committed, running }) => {
    const [one, two] = [start('one'), start('two')]
    await running(one, two)
    write(4)
    await committed()
    const leftAtMs = simulation.clock.nowMs()
    expect(await one.stop()).toBeUndefined()
    await simulation.until(() => two.thread.tasks.length === 4, 'the other one has all')
    // Without waiting for the session of the one that left.
    expect(simulation.clock.nowMs() - leftAtMs).toBeLessThan(500)
    expect(simulation.overlaps).toEqual([])
  })
})

test('the work of a thread that crashed goes on when its session is over', async () => {
  await play(words, async ({ simulation, start, write, running }) => {
    const [one, two] = [start('one'), start('two')]
    await running(one, two)
    write(3)
    one.crash()
    await simulation.until(() => two.thread.tasks.length === 4, 'the other one has all')
    expect(simulation.overlaps).toEqual([])
  })
})

test('a leader that dies before it has told the others who does what is replaced', async () => {
  await play(words, async ({ simulation, start, write, committed, running }) => {
    const leader = start('leader')
    write(2)
    await committed()
    const { faults } = simulation.cluster
    faults.onRequest(({ api, clientId }) => api === 'syncGroup' && clientId === 'leader', {
      before: () => {
        leader.crash()
        return 'die'
      },
    })
    const [second, third] = [start('second'), start('third')]
    await simulation.until(() => leader.isDead, 'the leader is dead')
    await running(second, third)
    expect([...tasksOf(second), ...tasksOf(third)].toSorted()).toEqual(everyTask)
  })
})

test('members that come and go under load lose and double nothing', async () => {
  await play(words, async ({ simulation, start, write }) => {
    const lives: Life[] = []
    for (let round = 0; round < 5; round += 1) {
      lives.push(start(`life-${round}`))
      write(1)
      await simulation.clock.sleep(37)
      write(1)
      if (round >= 2) expect(await lives[round - 2]?.stop()).toBeUndefined()
    }
    expect(simulation.overlaps).toEqual([])
  })
})

test('a member that is thrown out while it joins drops what it did under its old name', async () => {
  await play(orders, async ({ simulation, start, write, committed, running }) => {
    // Nothing but the group tells it that others were at work: its transaction lives on.
    const slow = start('slow', { transactionTimeoutMs: 30_000 })
    write(2)
    await committed()
    const { faults } = simulation.cluster
    let joins = 0
    let thaw = (): void => {}
    faults.onRequest(({ api, clientId }) => api === 'joinGroup' && clientId === 'slow', {
      after: () => {
        joins += 1
        return undefined
      },
    })
    // Its answer comes when the group has long gone on without it.
    faults.delay(({ api, clientId }) => api === 'syncGroup' && clientId === 'slow', 5_000)
    const quick = start('quick')
    await simulation.until(() => joins > 0, 'it joins')
    write(2)
    await simulation.clock.sleep(100)
    thaw = faults.freeze('slow')
    expect(slow.thread.snapshot().counters.processed).toBeGreaterThan(0)
    await simulation.until(() => quick.thread.tasks.length === 2, 'its tasks have moved')
    write(1)
    await simulation.clock.sleep(500)
    thaw()
    await running(slow, quick)
  })
})

test('a static member that restarts takes its tasks over, and nobody else notices', async () => {
  await play(words, async ({ simulation, start, write, committed, running }) => {
    const disk = new Disk()
    const statics = (clientId: string, instanceId: string, on: Disk): Life =>
      start(clientId, { instanceId, processId: instanceId, disk: on, sessionTimeoutMs: 5_000 })
    const before = statics('a-1', 'a', disk)
    const other = statics('b-1', 'b', new Disk())
    await running(before, other)
    write(3)
    await committed()
    const tasks = tasksOf(before)
    const generation = simulation.cluster.groupState('word-count')?.generation
    const joinsOfOther = (): number =>
      simulation.cluster.faults.count(
        ({ api, clientId }) => api === 'joinGroup' && clientId === 'b-1',
      )
    const joins = joinsOfOther()
    write(1)
    before.crash()
    const after = statics('a-2', 'a', disk)
    await running(after)
    expect(tasksOf(after)).toEqual(tasks)
    await committed()
    expect(simulation.cluster.groupState('word-count')?.generation).toBe(generation)
    expect(joinsOfOther()).toBe(joins)
    expect(other.tasksThat('task closed')).toHaveLength(other.tasksThat('task running').length - 2)
  })
})

test('a static member whose name somebody else takes stops and says so', async () => {
  using simulation = simulated(orders)
  await simulation.clock.run(async () => {
    const start = (clientId: string): Life =>
      simulation.start({
        topology: orders.topology,
        disk: new Disk(),
        clientId,
        instanceId: 'a',
        sessionTimeoutMs: 5_000,
      })
    const before = start('before')
    await simulation.until(() => before.thread.state === 'running', 'it runs')
    const after = start('after')
    expect(await before.ended).toMatchObject({ code: 'INVALID_CONFIG' })
    await simulation.until(() => after.thread.tasks.length === 2, 'the other one runs')
    expect(await after.stop()).toBeUndefined()
  })
})

test('a new topic that a pattern matches is read by tasks that already run', async () => {
  using simulation = new Simulation()
  const { cluster, clock } = simulation
  const seen = topic('seen', { key: string, value: string })
  const logs = topology('logs', (builder) => {
    builder.stream(/^log-/, { key: string, value: string }).to(seen)
  })
  for (const name of ['log-a', 'seen']) cluster.createTopic(name, 1)
  const write = (name: string, value: string): void => {
    simulation.write([{ topic: name, key: 'k', value, timestampMs: START_MS }], 1)
  }
  const values = (): readonly (string | null)[] =>
    simulation.committed('seen', 1)[0]?.map(({ value }) => textOf(value)) ?? []
  await clock.run(async () => {
    const start = (clientId: string): Life =>
      simulation.start({ topology: logs, disk: new Disk(), clientId })
    const first = start('first')
    write('log-a', 'old')
    await simulation.until(() => values().length === 1, 'the old topic is read')
    cluster.createTopic('log-b', 1)
    write('log-b', 'new')
    write('log-a', 'old still')
    // Any rebalance looks for topics again.
    const second = start('second')
    await simulation.until(() => values().length === 3, 'both topics are read')
    expect([...first.thread.tasks, ...second.thread.tasks]).toHaveLength(1)
    await simulation.stopAll()
  })
  expect(new Set(values())).toEqual(new Set(['new', 'old', 'old still']))
})
