import { describe, expect, test } from 'vitest'
import type { Simulation } from '../../kafka/client/client.fixtures.ts'
import type { Api, SimulatedRequest } from '../../kafka/memory/requests.ts'
import {
  DEAD,
  redriven,
  someLetters,
  valuesInOrder,
  valuesSent,
  withLetters,
} from './redrive.fixtures.ts'
import { redrive, type RedriveOptions } from './redrive.ts'

/** Several transactions, and letters that are left in between. */
const letters = someLetters(24)
const meant = letters.filter(({ offset }) => offset % 5 !== 0)
const options: RedriveOptions = {
  rate: 6,
  filter: { where: (letter) => letter.offset % 5 !== 0 },
}

type Cluster = NonNullable<Parameters<typeof withLetters>[1]>
type Break = (simulation: Simulation, isAimed: (request: SimulatedRequest) => boolean) => void

const refusals: Partial<Record<Api, string>> = {
  metadata: 'LEADER_NOT_AVAILABLE',
  fetch: 'NOT_LEADER_OR_FOLLOWER',
  produce: 'NOT_LEADER_OR_FOLLOWER',
  listOffsets: 'NOT_LEADER_OR_FOLLOWER',
}

/** Ways in which one request goes wrong, which the same run survives. */
const survivable: Readonly<Record<string, Break>> = {
  'is lost': ({ cluster }, isAimed) => void cluster.faults.loseRequest(isAimed),
  'is answered in vain': ({ cluster }, isAimed) => void cluster.faults.loseReply(isAimed),
  'comes late': ({ cluster }, isAimed) => void cluster.faults.deliverLate(isAimed, 700),
  'is refused': ({ cluster }, isAimed) => {
    for (const [api, code] of Object.entries(refusals)) {
      cluster.faults.refuse((request) => request.api === api && isAimed(request), code)
    }
    const isOther = (request: SimulatedRequest): boolean => refusals[request.api] === undefined
    const code = 'COORDINATOR_LOAD_IN_PROGRESS'
    cluster.faults.refuse((request) => isOther(request) && isAimed(request), code)
  },
}

/** How many requests a run sends when nothing goes wrong. */
async function requestsOf(cluster: Cluster): Promise<number> {
  using simulation = withLetters(letters, cluster)
  await redriven(simulation, options)
  return simulation.cluster.faults.count(({ clientId }) => clientId === 'redrive')
}

/** The request of the first run with this index, whenever it is sent. */
function aimAt(simulation: Simulation, index: number): (request: SimulatedRequest) => boolean {
  const seen: SimulatedRequest[] = []
  simulation.cluster.faults.onRequest(({ clientId }) => clientId === 'redrive', {
    before: (request) => void seen.push(request),
  })
  return (request) => seen[index] === request
}

async function expectAllSent(simulation: Simulation): Promise<void> {
  // The last markers reach their partitions.
  await simulation.clock.advance(2_000)
  expect(valuesSent(simulation)).toEqual(valuesInOrder(meant))
  // What was sent is remembered, and what was left out can still be sent.
  const rest = await redriven(simulation, {}, 'last')
  expect(rest).toMatchObject({ redriven: letters.length - meant.length })
  await simulation.clock.advance(2_000)
  const all = valuesSent(simulation).flat()
  expect(all.toSorted()).toEqual(letters.map(({ value }) => value).toSorted())
}

describe.for([
  { transactionVersion: 1, markerDelayMs: 0 },
  { transactionVersion: 1, markerDelayMs: 60 },
  { transactionVersion: 2, markerDelayMs: 0 },
  { transactionVersion: 2, markerDelayMs: 60 },
] as const)('each letter is sent once, in order (%o)', (cluster) => {
  test.for(['before', 'after'] as const)(
    'when the process dies %s any request and is started again',
    async (when) => {
      const count = await requestsOf(cluster)
      expect(count).toBeGreaterThan(20)
      for (let index = 0; index < count; index += 1) {
        using simulation = withLetters(letters, cluster)
        const isAimed = aimAt(simulation, index)
        const died = Promise.withResolvers<void>()
        const ending = new AbortController()
        simulation.cluster.faults.onRequest(isAimed, {
          [when]: () => {
            ending.abort()
            died.resolve()
            return 'die'
          },
        })
        await simulation.clock.run(async () => {
          const port = await simulation.connect('redrive')
          const deps = { port, clock: simulation.clock }
          const first = redrive(deps, DEAD, { ...options, signal: ending.signal })
          await Promise.race([died.promise, first])
          await redrive({ ...deps, port: await simulation.connect('second') }, DEAD, options)
          await first.catch(() => {})
        })
        await expectAllSent(simulation)
      }
    },
  )

  test.for(Object.entries(survivable))('when any request %s', async ([, breakOne]) => {
    const count = await requestsOf(cluster)
    for (let index = 0; index < count; index += 1) {
      using simulation = withLetters(letters, cluster)
      breakOne(simulation, aimAt(simulation, index))
      const summary = await redriven(simulation, options)
      expect([index, summary.redriven]).toEqual([index, meant.length])
      await expectAllSent(simulation)
    }
  })
})

test('a second run of the same id shuts the first one out, and both together send all', async () => {
  using simulation = withLetters(letters)
  const { clock } = simulation
  const ends = await clock.run(async () => {
    const port = await simulation.connect('first')
    const first = redrive({ port, clock }, DEAD, options)
    await clock.sleep(1_500)
    const second = redrive({ port: await simulation.connect('second'), clock }, DEAD, options)
    return await Promise.allSettled([first, second])
  })
  expect(ends).toMatchObject([
    { status: 'rejected', reason: { code: 'REDRIVE_STOPPED' } },
    { status: 'fulfilled' },
  ])
  await expectAllSent(simulation)
})
