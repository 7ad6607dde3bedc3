import { describe, expect, test } from 'vitest'
import { json, keyValueStore, string, topic, topology } from 'millrace'
import type { SimulatedRequest } from '../../kafka/memory/requests.ts'
import { Disk } from '../disk.fixtures.ts'
import { ordersScenario, wordCountScenario } from '../scenarios.fixtures.ts'
import { Simulation, textOf } from '../simulation.fixtures.ts'

const orders = ordersScenario({ items: 6, waves: 6 })

function simulated(version: 1 | 2, markerDelayMs = 0): Simulation {
  const simulation = new Simulation({ transactionVersion: version, markerDelayMs })
  for (const name of orders.topics) simulation.cluster.createTopic(name, 2)
  return simulation
}

const wholeWave = (simulation: Simulation) => (): boolean =>
  simulation.hasCommitted('orders', orders.inputs)

async function processTheRest(simulation: Simulation, from: number): Promise<void> {
  for (const wave of orders.waves.slice(from)) {
    simulation.write(wave)
    await simulation.until(wholeWave(simulation), 'a wave is committed')
  }
}

describe.for([1, 2] as const)('under transaction version %i', (version) => {
  test('the end of a transaction that arrives when its process is dead ends no later one', async () => {
    using simulation = simulated(version, 50)
    const { clock, cluster } = simulation
    const disk = new Disk()
    await clock.run(async () => {
      const first = simulation.start({
        topology: orders.topology,
        disk,
        clientId: 'first',
        processId: 'one',
      })
      simulation.write(orders.waves[0] ?? [])
      await simulation.until(wholeWave(simulation), 'the first wave is committed')
      cluster.faults.deliverLate(({ api }) => api === 'endTxn', 300)
      cluster.faults.onRequest(({ api }) => api === 'endTxn', {
        before: () => {
          void clock.sleep(1).then(() => first.crash())
          return undefined
        },
      })
      simulation.write(orders.waves[1] ?? [])
      await simulation.until(() => first.isDead, 'the first process is dead')
      simulation.start({
        topology: orders.topology,
        disk,
        clientId: 'second',
        processId: 'one',
      })
      await processTheRest(simulation, 2)
      await simulation.stopAll()
    })
    orders.expectExact(simulation)
  })

  test('the end of a transaction that a slow process sent, and gave up, ends no later one', async () => {
    using simulation = simulated(version)
    const { clock, cluster } = simulation
    await clock.run(async () => {
      simulation.start({
        topology: orders.topology,
        disk: new Disk(),
        clientId: 'slow',
      })
      let ends = 0
      cluster.faults.deliverLate(({ api }) => {
        if (api === 'endTxn') ends += 1
        return api === 'endTxn' && ends === 2
      }, 450)
      await processTheRest(simulation, 0)
      await simulation.stopAll()
    })
    orders.expectExact(simulation)
  })

  const stages: readonly SimulatedRequest['api'][] =
    version === 1
      ? ['addPartitionsToTxn', 'produce', 'addOffsetsToTxn', 'txnOffsetCommit', 'endTxn']
      : ['produce', 'txnOffsetCommit', 'endTxn']

  test.for(stages)(
    'a process that is paused after its %s, until others did its work, adds nothing to it',
    async (stage) => {
      using simulation = simulated(version)
      const { clock, cluster } = simulation
      await clock.run(async () => {
        // A transaction may outlive the pause: it is the generation that fences the zombie.
        const zombie = simulation.start({
          topology: orders.topology,
          disk: new Disk(),
          clientId: 'zombie',
          transactionTimeoutMs: 30_000,
        })
        simulation.write(orders.waves[0] ?? [])
        await simulation.until(wholeWave(simulation), 'the first wave is committed')
        let thaw: (() => void) | undefined
        cluster.faults.onRequest(
          ({ api, clientId }) => api === stage && clientId === 'zombie' && thaw === undefined,
          {
            after: () => {
              thaw = zombie.freeze()
              return undefined
            },
          },
        )
        simulation.write(orders.waves[1] ?? [])
        await simulation.until(() => thaw !== undefined, 'the zombie is paused')
        const healthy = simulation.start({
          topology: orders.topology,
          disk: new Disk(),
          clientId: 'healthy',
        })
        await simulation.until(() => healthy.thread.tasks.length > 0, 'the tasks have moved')
        await clock.sleep(3_000)
        thaw?.()
        await processTheRest(simulation, 2)
        await simulation.until(() => zombie.thread.state === 'running', 'the zombie is back')
        await simulation.stopAll()
      })
      orders.expectExact(simulation)
    },
  )
})

const counted = topic('ticks.counted', { key: string, value: json<number>() })
const ticks = topic('ticks', { key: string, value: string })

/** Counts the ticks of the wall clock, which needs no input at all. */
const ticking = topology('ticking', (builder) => {
  builder.addStateStore(keyValueStore('count', { key: string, value: json<number>() }))
  builder
    .stream(ticks)
    .process<string, number>(
      () => ({
        init: ({ schedule, store, forward }) => {
          const count = store<string, number>('count')
          schedule('100ms', 'wall-clock', (timestampMs) => {
            const next = (count.get('ticks') ?? 0) + 1
            count.put('ticks', next)
            forward({ key: 'ticks', value: next, timestampMs })
          })
        },
        process: () => {},
      }),
      { name: 'tick', stores: ['count'] },
    )
    .to(counted)
})

test('state that a zombie changed without any input is not committed', async () => {
  using simulation = new Simulation()
  const { clock, cluster } = simulation
  for (const name of ['ticks', 'ticks.counted']) cluster.createTopic(name, 1)
  const values = (): readonly number[] =>
    simulation
      .committed('ticks.counted', 1)
      .flat()
      .map(({ value }) => Number(textOf(value)))
  await clock.run(async () => {
    simulation.start({
      topology: ticking,
      disk: new Disk(),
      clientId: 'zombie',
      transactionTimeoutMs: 30_000,
    })
    await simulation.until(() => values().length >= 3, 'it ticks')
    // Cut off between two commits: what the next one sends arrives when others own the task.
    let thaw: (() => void) | undefined
    cluster.faults.onRequest(({ api }) => api === 'endTxn' && thaw === undefined, {
      after: () => {
        thaw = cluster.faults.freeze('zombie')
        return undefined
      },
    })
    await simulation.until(() => thaw !== undefined, 'it is cut off')
    simulation.start({ topology: ticking, disk: new Disk(), clientId: 'healthy' })
    await clock.sleep(3_000)
    thaw?.()
    await clock.sleep(1_500)
    await simulation.stopAll()
  })
  expect(values()).toEqual(values().map((_, index) => index + 1))
  expect(values().length).toBeGreaterThan(10)
})

test('a process that is paused in the middle of a repartitioned topology adds nothing to it', async () => {
  const words = wordCountScenario({ items: 24, waves: 8 })
  using simulation = new Simulation({ markerDelayMs: 100 })
  const { clock, cluster } = simulation
  for (const name of words.topics) cluster.createTopic(name, 2)
  const isCommitted = (): boolean => simulation.hasCommitted('word-count', words.inputs)
  await clock.run(async () => {
    const lives = ['one', 'two'].map((clientId) =>
      simulation.start({
        topology: words.topology,
        disk: new Disk(),
        clientId,
        transactionTimeoutMs: 30_000,
      }),
    )
    for (const [index, wave] of words.waves.entries()) {
      simulation.write(wave)
      const thaw = lives[index % 2]?.freeze()
      await simulation.until(isCommitted, `wave ${index} is committed`)
      thaw?.()
    }
    await simulation.until(
      () => lives.every(({ thread }) => thread.state === 'running'),
      'both are back',
    )
    await simulation.stopAll()
  })
  words.expectExact(simulation)
})
