import { describe, expect, test } from 'vitest'
import { json, string, topic, topology } from 'millrace'
import { breakEach } from './crash.fixtures.ts'
import { gatheringScenario } from './gathering.fixtures.ts'
import { Disk, Simulation, START_MS, textOf } from './simulation.fixtures.ts'

const scenario = gatheringScenario({ items: 24, waves: 3 })

describe('limits and buffers send on every record once, in the order of its key', () => {
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

  test('with a cache', async () => {
    const life = { cacheMaxBytes: 1_000_000 }
    await breakEach({ scenario, life, successor: 'same process' }, ['dies before', 'dies after'])
  })

  test('and at least once without transactions', async () => {
    const life = { guarantee: 'at-least-once' } as const
    const faults = ['dies before', 'dies after'] as const
    await breakEach({ scenario, life, successor: 'same process' }, faults)
  })
})

describe.for(['its own disk', 'another disk'])('a restart, on %s', (where) => {
  const calls = topic('calls', { key: string, value: json<number>() })
  const passed = topic('passed', { key: string, value: json<number>() })
  const limited = topology('limited', (builder) => {
    builder
      .stream(calls)
      .rateLimit({ name: 'calls-limit', records: 3, per: '1h', overflow: 'drop' })
      .to(passed)
  })

  test('does not fill the bucket of a key', async () => {
    using simulation = new Simulation()
    for (const name of ['calls', 'passed']) simulation.cluster.createTopic(name, 1)
    const call = async (...values: readonly number[]): Promise<void> => {
      const record = { topic: 'calls', key: 'a', timestampMs: START_MS }
      simulation.write(
        values.map((value) => ({ ...record, value: String(value) })),
        1,
      )
      const isCommitted = (): boolean => simulation.hasCommitted('limited', ['calls'], 1)
      await simulation.until(isCommitted, 'it is committed')
    }
    const disk = new Disk()
    await simulation.clock.run(async () => {
      const first = simulation.start({ topology: limited, disk, clientId: 'first' })
      await call(1, 2)
      first.crash()
      const next = where === 'its own disk' ? disk : new Disk()
      simulation.start({ topology: limited, disk: next, clientId: 'second' })
      await call(3, 4, 5)
      await simulation.stopAll()
    })
    const values = simulation.committed('passed', 1).flat()
    expect(values.map(({ value }) => textOf(value))).toEqual(['1', '2', '3'])
  })
})
