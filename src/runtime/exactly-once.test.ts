import { describe, expect, test } from 'vitest'
import { breakEach, runPlan } from './crash.fixtures.ts'
import { ordersScenario, wordCountScenario } from './scenarios.fixtures.ts'

const scenarios = [
  ['event sourcing', ordersScenario({ items: 3, waves: 3 })],
  ['a count behind a repartition', wordCountScenario({ items: 8, waves: 3 })],
] as const

const survivable = ['reply lost', 'request lost', 'refused', 'delivered late'] as const

describe.for(scenarios)('%s comes out exactly once', ([, scenario]) => {
  describe.for([1, 2] as const)('under transaction version %i', (transactionVersion) => {
    describe.for([0, 60])('with markers %i ms late', (markerDelayMs) => {
      const cluster = { transactionVersion, markerDelayMs }

      test('when the process dies before or after any request and is started again', async () => {
        const plan = { scenario, cluster, successor: 'same process' } as const
        await breakEach(plan, ['dies before', 'dies after'])
      })

      test('when it dies and another process, with nothing on its disk, takes over', async () => {
        const plan = { scenario, cluster, successor: 'other process' } as const
        await breakEach(plan, ['dies before', 'dies after'])
      })

      test('when any request is lost, answered in vain, refused, or comes late', async () => {
        const plan = { scenario, cluster, successor: 'same process' } as const
        await breakEach(plan, survivable)
      })
    })

    test('with a cache, whatever request is in the way', async () => {
      const cluster = { transactionVersion, markerDelayMs: 30 }
      const life = { cacheMaxBytes: 1_000_000 }
      await breakEach({ scenario, cluster, life, successor: 'same process' }, [
        'dies before',
        'dies after',
        ...survivable,
      ])
    })
  })

  // Under version 1 a request that comes twice acts on whatever transaction is open by then, which
  // no client can help: KIP-890 is the cure.
  test('when any request arrives a second time', async () => {
    await breakEach({ scenario, successor: 'same process' }, ['delivered twice'])
  })
})

test('a run without a fault sends every kind of request that a fault can be aimed at', async () => {
  const [, scenario] = scenarios[1]
  const requests = await runPlan({
    scenario,
    successor: 'same process',
    cluster: { transactionVersion: 1, markerDelayMs: 60 },
  })
  expect([...new Set(requests.map(({ api }) => api))].toSorted()).toEqual([
    'addOffsetsToTxn',
    'addPartitionsToTxn',
    'createTopics',
    'endTxn',
    'fetch',
    'heartbeat',
    'initProducerId',
    'joinGroup',
    'leaveGroup',
    'listOffsets',
    'metadata',
    'offsetFetch',
    'produce',
    'syncGroup',
    'txnOffsetCommit',
  ])
})
