import { describe, expect, test } from 'vitest'
import { isStreamsError } from '../../core/errors.ts'
import type { SimulatedClusterOptions } from '../../kafka/memory/simulated-cluster.ts'
import type { Api, SimulatedRequest } from '../../kafka/memory/requests.ts'
import type { Life } from '../../runtime/life.fixtures.ts'
import { replay } from './replay.ts'
import { countedUp, fixed, right, Words, wrong } from './replay.fixtures.ts'

const LINES = 16
const toEarliest = { to: 'earliest', emptyOutputs: true } as const

type Cluster = Partial<SimulatedClusterOptions>
type Break = (app: Words, isAimed: (request: SimulatedRequest) => boolean) => void

/** The requests of a replay in which nothing goes wrong. */
async function requestsOf(cluster: Cluster): Promise<readonly SimulatedRequest[]> {
  using app = new Words(cluster)
  await app.run(async () => {
    await app.hasRunWithTheBug(LINES)
    await app.replay(toEarliest)
  })
  const { requests } = app.simulation.cluster.faults
  return requests.filter(({ clientId }) => clientId === 'replay')
}

/** The request of the first replay with this index, whenever it is sent. */
function aimAt(app: Words, index: number): (request: SimulatedRequest) => boolean {
  const seen: SimulatedRequest[] = []
  app.simulation.cluster.faults.onRequest(({ clientId }) => clientId === 'replay', {
    before: (request) => void seen.push(request),
  })
  return (request) => seen[index] === request
}

/** The replay's own process dies with this request. */
async function dieAt(app: Words, index: number, when: 'before' | 'after'): Promise<void> {
  const isAimed = aimAt(app, index)
  const died = Promise.withResolvers<void>()
  const die = (): 'die' => {
    died.resolve()
    return 'die'
  }
  app.simulation.cluster.faults.onRequest(isAimed, { [when]: die })
  const dying = replay(await app.deps(), toEarliest, () => true)
  await Promise.race([died.promise, dying.catch(() => {})])
  // What it does from then on has no effect; it ends when it has tried for long enough, and it is
  // a member of the group until its session ends.
  await dying.catch(() => {})
  await app.simulation.clock.sleep(11_000)
}

async function expectAsIfTheBugHadNeverBeen(app: Words): Promise<void> {
  const lives = [app.start(fixed, 0), app.start(fixed, 1)]
  await app.settle()
  for (const life of lives) expect(await life.stop()).toBeUndefined()
  // The last markers reach their partitions.
  await app.simulation.clock.sleep(2_000)
  expect(app.state).toEqual(right(LINES))
  expect(app.totals()).toEqual(countedUp(right(LINES)))
  // And no disk that was left behind brings anything back.
  for (const disk of [0, 1] as const) {
    const life = app.start(fixed, disk)
    await app.count(4)
    expect(await life.stop()).toBeUndefined()
  }
  await app.simulation.clock.sleep(2_000)
  expect(app.state).toEqual(right(LINES + 8))
}

/** What an instance makes of it; undefined: it runs. */
async function endOf(app: Words, life: Life): Promise<unknown> {
  const isUp = (): boolean => life.states.at(-1) === 'running' || life.states.includes('failed')
  const runs = app.simulation.until(isUp, 'it runs').then(() => app.settle())
  const isRunning = Symbol('running')
  const end = await Promise.race([life.ended, runs.then(() => isRunning)])
  return end === isRunning ? undefined : end
}

const cluster: Cluster = { markerDelayMs: 60 }

describe.for(['before', 'after'] as const)(
  'a replay whose process dies %s any of its requests',
  (when) => {
    test('is finished by the next one', async () => {
      const count = (await requestsOf(cluster)).length
      expect(count).toBeGreaterThan(15)
      for (let index = 0; index < count; index += 1) {
        using app = new Words(cluster)
        await app.run(async () => {
          await app.hasRunWithTheBug(LINES)
          await dieAt(app, index, when)
          await app.replay(toEarliest, 'second')
          await expectAsIfTheBugHadNeverBeen(app)
        })
      }
    })

    test('leaves all as it was, or all done, or instances that refuse to start', async () => {
      const count = (await requestsOf(cluster)).length
      const seen = new Set<string>()
      for (let index = 0; index < count; index += 1) {
        using app = new Words(cluster)
        await app.run(async () => {
          await app.hasRunWithTheBug(LINES)
          await dieAt(app, index, when)
          const life = app.start(fixed, 1)
          const end = await endOf(app, life)
          if (isStreamsError(end)) {
            expect(end.code).toBe('REPLAY_UNFINISHED')
            seen.add('refuses')
            await app.simulation.clock.sleep(3_000)
            await app.replay(toEarliest, 'second')
            return await expectAsIfTheBugHadNeverBeen(app)
          }
          expect(end).toBeUndefined()
          await life.stop()
          const isDone = app.state['To'] === undefined
          seen.add(isDone ? 'done' : 'as it was')
          if (isDone) return await expectAsIfTheBugHadNeverBeen(app)
          expect(app.state).toEqual(wrong(LINES))
          expect(app.totals()).toEqual(countedUp(wrong(LINES)))
        })
      }
      expect([...seen].toSorted()).toEqual(['as it was', 'done', 'refuses'])
    })
  },
)

const refusals: Partial<Record<Api, string>> = {
  metadata: 'LEADER_NOT_AVAILABLE',
  listOffsets: 'NOT_LEADER_OR_FOLLOWER',
  describeConfigs: 'LEADER_NOT_AVAILABLE',
  deleteRecords: 'NOT_LEADER_OR_FOLLOWER',
  deleteTopicsById: 'NOT_CONTROLLER',
}

/** Ways in which one request goes wrong, which the same replay survives. */
const survivable: Readonly<Record<string, Break>> = {
  'is lost': (app, isAimed) => void app.simulation.cluster.faults.loseRequest(isAimed),
  'is answered in vain': (app, isAimed) => void app.simulation.cluster.faults.loseReply(isAimed),
  'comes late': (app, isAimed) => void app.simulation.cluster.faults.deliverLate(isAimed, 700),
  'is refused': (app, isAimed) => {
    const { faults } = app.simulation.cluster
    for (const [api, code] of Object.entries(refusals)) {
      faults.refuse((request) => request.api === api && isAimed(request), code)
    }
    const isOther = (request: SimulatedRequest): boolean => refusals[request.api] === undefined
    faults.refuse((request) => isOther(request) && isAimed(request), 'COORDINATOR_LOAD_IN_PROGRESS')
  },
}

test.for(Object.entries(survivable))(
  'a request that %s costs a moment',
  async ([way, breakOne]) => {
    const count = (await requestsOf({})).length
    for (let index = 0; index < count; index += 1) {
      using app = new Words()
      await app.run(async () => {
        await app.hasRunWithTheBug(LINES)
        breakOne(app, aimAt(app, index))
        await app.replay(toEarliest)
        // A late JoinGroup makes a member of whom nobody knows: instances wait out its session.
        await app.simulation.clock.sleep(way === 'comes late' ? 11_000 : 0)
        await expectAsIfTheBugHadNeverBeen(app)
      })
    }
  },
)

test('instances that start while it is at work end, and do not get in its way', async () => {
  const requests = await requestsOf({})
  const entered = requests.findIndex(({ api }) => api === 'joinGroup')
  const left = requests.findIndex(({ api }) => api === 'leaveGroup')
  for (let index = entered; index < left; index += 1) {
    using app = new Words()
    await app.run(async () => {
      await app.hasRunWithTheBug(LINES)
      let life: Life | undefined
      app.simulation.cluster.faults.onRequest(aimAt(app, index), {
        after: async () => {
          life = app.start(fixed, 0)
          await app.simulation.clock.sleep(400)
          return undefined
        },
      })
      await app.replay(toEarliest)
      expect(await life?.ended).toMatchObject({ code: 'GROUP_ACTIVE' })
      await expectAsIfTheBugHadNeverBeen(app)
    })
  }
})

test('what is not allowed is undone, as long as nothing is gone', async () => {
  using app = new Words()
  await app.run(async () => {
    await app.hasRunWithTheBug(LINES)
    const { cluster } = app.simulation
    const before = cluster.groupState('words')?.offsets
    cluster.faults.refuse(({ api }) => api === 'deleteTopicsById', 'TOPIC_AUTHORIZATION_FAILED')
    await expect(app.replay(toEarliest)).rejects.toMatchObject({
      code: 'TOPIC_AUTHORIZATION_FAILED',
    })
    expect(cluster.groupState('words')?.offsets).toEqual(before)
    const life = app.start(fixed, 0)
    expect(await endOf(app, life)).toBeUndefined()
    await life.stop()
  })
  expect(app.state).toEqual(wrong(LINES))
})
