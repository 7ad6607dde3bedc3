import { describe, test } from 'vitest'
import { breakEach } from './crash.fixtures.ts'
import { retryScenario } from './retry.fixtures.ts'

const scenario = retryScenario({ items: 20, waves: 3 })

describe('every record is answered once or a dead letter once, in the order of its key', () => {
  describe.for([1, 2] as const)('under transaction version %i', (transactionVersion) => {
    const cluster = { transactionVersion, markerDelayMs: 30 }

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
      await breakEach(plan, ['reply lost', 'request lost', 'refused', 'delivered late'])
    })
  })

  test('and at least once without transactions', async () => {
    const life = { guarantee: 'at-least-once' } as const
    const faults = ['dies before', 'dies after'] as const
    await breakEach({ scenario, life, successor: 'same process' }, faults)
  })
})
