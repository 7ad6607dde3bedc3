import { describe, expect, test } from 'vitest'
import { json, pattern, string, topic, topology, type DetectOptions, type Topology } from 'millrace'
import { runChaos } from './chaos.fixtures.ts'
import { breakEach } from './crash.fixtures.ts'
import { patternsScenario } from './patterns.fixtures.ts'
import { Disk, Simulation, START_MS, textOf } from './simulation.fixtures.ts'

const scenario = await patternsScenario({ items: 60, waves: 3 })

describe('every match, time-out and late event comes exactly once', () => {
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

  test.for([1, 2, 3, 4, 5, 6])(
    'in three processes, while everything around them goes wrong (seed %i)',
    async (seed) => {
      await runChaos({
        scenario: await patternsScenario({ items: 200, waves: 20 }),
        seed,
        events: 30,
      })
    },
  )
})

const letters = topic('letters', { key: string, value: string })
const pairs = topic('pairs', { key: string, value: json<unknown>() })

/** An a, then the letter. */
const pairing = (letter: string, options: DetectOptions<string>, version = 0): Topology => {
  const pair = pattern<string>('pair', { version })
    .begin('a', (event) => event === 'a')
    .followedBy(letter, (event) => event === letter)
    .within('1h')
  return topology('pairing', (builder) => {
    builder.stream(letters).detect(pair, options).to(pairs)
  })
}

/** Each topology reads its letters when the one before has stopped. */
async function onTheSameDisk(lives: readonly (readonly [Topology, string])[]) {
  using simulation = new Simulation()
  for (const name of ['letters', 'pairs']) simulation.cluster.createTopic(name, 1)
  const disk = new Disk()
  let failure: unknown
  await simulation.clock.run(async () => {
    for (const [index, [built, text]] of lives.entries()) {
      const records = text.split('').map((value) => ({
        topic: 'letters',
        key: 'k',
        value,
        timestampMs: START_MS,
      }))
      simulation.write(records, 1)
      const life = simulation.start({ topology: built, disk, clientId: `life ${index}` })
      const isOver = (): boolean =>
        life.states.includes('failed') || simulation.hasCommitted('pairing', ['letters'], 1)
      await simulation.until(isOver, `life ${index}`)
      failure = await life.stop()
    }
  })
  const found = simulation.committed('pairs', 1).flat()
  return { failure, found: found.map(({ value }) => textOf(value)) }
}

describe('a restart with partial matches in the store', () => {
  test('goes on with them', async () => {
    const lives = [
      [pairing('b', {}), 'a'],
      [pairing('b', {}), 'cb'],
    ] as const
    expect(await onTheSameDisk(lives)).toEqual({ failure: undefined, found: ['{"a":"a","b":"b"}'] })
  })

  test('is refused when the pattern has become another one', async () => {
    const { failure } = await onTheSameDisk([
      [pairing('b', {}), 'a'],
      [pairing('c', {}), 'c'],
    ])
    expect(failure).toMatchObject({ code: 'INVALID_TOPOLOGY' })
    expect(String(failure)).toContain('pattern "pair" was changed')
  })

  test('is refused when the pattern says that it is another version', async () => {
    const { failure } = await onTheSameDisk([
      [pairing('b', {}, 1), 'a'],
      [pairing('b', {}, 2), 'b'],
    ])
    expect(failure).toMatchObject({ code: 'INVALID_TOPOLOGY' })
  })

  test('forgets them when it is told to start over', async () => {
    const lives = [
      [pairing('b', {}), 'a'],
      [pairing('c', { onEdit: 'start-over' }), 'c'],
      [pairing('c', { onEdit: 'start-over' }), 'ac'],
    ] as const
    expect(await onTheSameDisk(lives)).toEqual({ failure: undefined, found: ['{"a":"a","c":"c"}'] })
  })
})
