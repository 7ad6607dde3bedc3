import { describe, test } from 'vitest'
import { breakEach } from './crash.fixtures.ts'
import { ordersScenario, wordCountScenario } from './scenarios.fixtures.ts'

const scenarios = [
  ['event sourcing', ordersScenario({ items: 3, waves: 3 })],
  ['a count behind a repartition', wordCountScenario({ items: 8, waves: 3 })],
] as const

const life = { guarantee: 'at-least-once' } as const

describe.for(scenarios)('%s loses nothing', ([, scenario]) => {
  test('when the process dies before or after any request and is started again', async () => {
    await breakEach({ scenario, life, successor: 'same process' }, ['dies before', 'dies after'])
  })

  test('when it dies and another process, with nothing on its disk, takes over', async () => {
    await breakEach({ scenario, life, successor: 'other process' }, ['dies before', 'dies after'])
  })

  test('when any request is lost, answered in vain, refused, comes late or twice', async () => {
    await breakEach({ scenario, life, successor: 'same process' }, [
      'reply lost',
      'request lost',
      'refused',
      'delivered late',
      'delivered twice',
    ])
  })
})
