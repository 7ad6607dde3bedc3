import { describe, expect, test } from 'vitest'
import { string, topic, topology } from 'millrace'
import { diskState } from '../../runtime/simulation.fixtures.ts'
import { planReplay } from './plan-replay.ts'
import { replay } from './replay.ts'
import {
  buggy,
  CHANGELOG,
  countedUp,
  fixed,
  REPARTITION,
  right,
  Words,
  wrong,
} from './replay.fixtures.ts'

const LINES = 40

describe('a replay from the beginning', () => {
  test('leaves state and outputs as if the bug had never been', async () => {
    using app = new Words()
    const before = await app.run(async () => {
      await app.hasRunWithTheBug(LINES)
      expect(app.state).toEqual(wrong(LINES))
      const ends = app.ends('totals')
      await app.replay({ to: 'earliest' })
      app.start(fixed, 0)
      app.start(fixed, 1)
      await app.settle()
      await app.count(8)
      await app.simulation.stopAll()
      return ends
    })
    expect(app.state).toEqual(right(LINES + 8))
    expect(app.totals(before)).toEqual(countedUp(right(LINES + 8)))
  })

  test('is not undone by a second instance with its old state directory', async () => {
    using app = new Words()
    await app.run(async () => {
      await app.hasRunWithTheBug(LINES)
      await app.replay({ to: 'earliest' })
      const first = app.start(fixed, 0)
      await app.settle()
      await first.stop()
      // The changelogs have grown past what the other one has on its disk.
      app.start(fixed, 1)
      await app.count(8)
      await app.simulation.stopAll()
    })
    expect(app.state).toEqual(right(LINES + 8))
    for (const disk of app.disks) {
      const { restored, committed } = diskState(app.simulation, disk, fixed)
      expect(restored).toEqual(committed)
    }
  })

  test('can remove what was written, so that it is written once', async () => {
    using app = new Words()
    const plan = await app.run(async () => {
      await app.hasRunWithTheBug(LINES)
      const plan = await app.replay({ to: 'earliest', emptyOutputs: true })
      app.start(fixed, 0)
      await app.settle()
      await app.simulation.stopAll()
      return plan
    })
    expect(plan.outputs).toEqual(['totals', 'words.dead'])
    expect(app.state).toEqual(right(LINES))
    expect(app.totals()).toEqual(countedUp(right(LINES)))
    expect(app.simulation.committed('words.dead').flat()).toHaveLength(LINES / 8)
  })

  test('needs no topic ids, which clusters before Kafka 2.8 do not have', async () => {
    using app = new Words()
    await app.run(async () => {
      await app.hasRunWithTheBug(LINES)
      const deps = await app.deps()
      const metadata: typeof deps.port.metadata = async (topics) =>
        new Map(
          [...(await deps.port.metadata(topics))].map(([name, it]) => [name, { ...it, id: '' }]),
        )
      const port = { ...deps.port, metadata }
      await replay({ ...deps, port }, { to: 'earliest' }, () => true)
      app.start(fixed, 0)
      await app.settle()
      await app.simulation.stopAll()
    })
    expect(app.state).toEqual(right(LINES))
  })

  test('can be done again, and again', async () => {
    using app = new Words()
    await app.run(async () => {
      await app.hasRunWithTheBug(LINES)
      for (let round = 0; round < 3; round += 1) {
        await app.replay({ to: 'earliest' })
        const life = app.start(fixed, 0)
        await app.settle()
        await life.stop()
        expect(app.state).toEqual(right(LINES))
      }
    })
  })
})

describe('a plan', () => {
  test('says where every partition is and goes, and changes nothing', async () => {
    using app = new Words()
    const { plan, requests } = await app.run(async () => {
      await app.hasRunWithTheBug(LINES)
      const seen = app.simulation.cluster.faults.requests.length
      const plan = await planReplay(await app.deps(), { to: { offset: 7 } })
      const requests = app.simulation.cluster.faults.requests.slice(seen)
      return { plan, requests: new Set(requests.map(({ api }) => api)) }
    })
    const [first, second] = app.ends('texts')
    expect(plan).toEqual({
      applicationId: 'words',
      id: expect.stringMatching(/^2023-11-14T22:13:\d\d\.\d{3}Z-[0-9a-z]{4}$/) as string,
      partitions: [
        { topic: 'texts', partition: 0, from: first, to: 7, isClamped: false },
        { topic: 'texts', partition: 1, from: second, to: 7, isClamped: false },
      ],
      stores: ['counts'],
      changelogs: [CHANGELOG],
      repartitions: [
        { topic: REPARTITION, partition: 0 },
        { topic: REPARTITION, partition: 1 },
      ],
      outputs: [],
      keepsState: false,
      isResumed: false,
    })
    expect([...requests].toSorted()).toEqual(['listOffsets', 'metadata', 'offsetFetch'])
  })

  test('that is not confirmed is not carried out', async () => {
    using app = new Words()
    await app.run(async () => {
      await app.hasRunWithTheBug(LINES)
      const before = app.simulation.cluster.groupState('words')?.offsets
      const { done } = await replay(await app.deps(), { to: 'earliest' }, () => false)
      expect(done).toBe(false)
      expect(app.simulation.cluster.groupState('words')?.offsets).toEqual(before)
      expect(app.state).toEqual(wrong(LINES))
    })
  })

  test('of an application that never ran sets offsets and finds no state', async () => {
    using app = new Words()
    await app.run(async () => {
      const plan = await app.replay({ to: 'latest' })
      expect(plan).toMatchObject({ changelogs: [], repartitions: [] })
      expect(plan.partitions.map(({ from, to }) => [from, to])).toEqual([
        [null, 0],
        [null, 0],
      ])
      app.start(fixed, 0)
      await app.count(LINES)
      await app.simulation.stopAll()
    })
    expect(app.state).toEqual(right(LINES))
  })
})

describe('it refuses', () => {
  test('while the group has members, and says who they are', async () => {
    using app = new Words()
    await app.run(async () => {
      app.start(buggy, 0)
      await app.count(LINES)
      const refused = app.replay({ to: 'earliest' })
      await expect(refused).rejects.toMatchObject({
        code: 'GROUP_ACTIVE',
        message: 'group "words" has a member: life-1 at 127.0.0.1',
      })
      expect(app.state).toEqual(wrong(LINES))
    })
  })

  test('when an instance has started since it was planned', async () => {
    using app = new Words()
    await app.run(async () => {
      await app.hasRunWithTheBug(LINES)
      const isRunning = replay(await app.deps(), { to: 'earliest' }, async () => {
        app.start(fixed, 0)
        await app.simulation.clock.sleep(1_000)
        return true
      })
      await expect(isRunning).rejects.toMatchObject({ code: 'GROUP_ACTIVE' })
      await app.simulation.stopAll()
      const hasRun = replay(await app.deps(), { to: 'earliest' }, async () => {
        const life = app.start(fixed, 0)
        await app.count(8)
        await life.stop()
        return true
      })
      await expect(hasRun).rejects.toThrow(/has moved since the replay was planned/)
    })
    expect(app.state['to']).toBeGreaterThan(0)
  })

  test('what would take state back in part', async () => {
    using app = new Words()
    await app.run(async () => {
      await app.hasRunWithTheBug(LINES)
      for (const topics of [['texts:0'], ['texts:1']]) {
        await expect(app.replay({ to: 'earliest', topics })).rejects.toThrow(
          /store "counts" is also made of texts-[01], which would not be read again/,
        )
      }
      for (const topics of [['text'], ['texts:2'], [REPARTITION]]) {
        const refused = app.replay({ to: 'earliest', topics })
        await expect(refused).rejects.toMatchObject({ code: 'INVALID_CONFIG' })
      }
    })
    expect(app.state).toEqual(wrong(LINES))
  })

  test('to empty outputs that would not be written again', async () => {
    using app = new Words()
    const emptyOutputs = true
    await app.run(async () => {
      await app.hasRunWithTheBug(LINES)
      for (const options of [
        { to: 'latest' as const },
        { to: 'earliest' as const, keepState: true },
        { to: 'earliest' as const, topics: ['texts'] },
      ]) {
        const refused = app.replay({ ...options, emptyOutputs })
        await expect(refused).rejects.toMatchObject({ code: 'INVALID_CONFIG' })
      }
    })
    expect(app.totals()).toEqual(countedUp(wrong(LINES)))
  })

  test('to empty an output that is compacted', async () => {
    using app = new Words()
    await app.run(async () => {
      const port = await app.simulation.connect('admin')
      await port.deleteTopics(['totals'])
      app.simulation.cluster.createTopic('totals', 2, { 'cleanup.policy': 'compact' })
      await app.hasRunWithTheBug(LINES)
      await expect(app.replay({ to: 'earliest', emptyOutputs: true })).rejects.toThrow(
        'topic "totals" cannot be emptied: its cleanup.policy is compact',
      )
    })
  })
})

describe('where it goes', () => {
  const [early, late] = ['2023-11-14T22:11:40.005Z', '2024-11-14T22:11:40Z']
  test.for([
    ['the latest', 'latest', (end: number) => end],
    ['an offset that is too large', { offset: 900 }, (end: number) => end],
    ['a shift back', { shift: -3 }, (end: number) => end - 3],
    ['a shift too far back', { shift: -300 }, () => 0],
    ['a shift on', { shift: 2 }, (end: number) => end],
    ['the beginning of time', { datetime: '1999-01-01T00:00:00Z' }, () => 0],
    ['a time that has not come', { datetime: late }, (end: number) => end],
    ['a year ago', { by: '365d' }, () => 0],
    ['a second ago', { by: '1s' }, (end: number) => end],
  ] as const)('%s', async ([, to, expected]) => {
    using app = new Words()
    const plan = await app.run(async () => {
      await app.hasRunWithTheBug(LINES)
      return await planReplay(await app.deps(), { to })
    })
    expect(plan.partitions.map((each) => each.to)).toEqual(app.ends('texts').map(expected))
  })

  test('a time: the first record at or after it', async () => {
    using app = new Words()
    const plan = await app.run(async () => {
      await app.hasRunWithTheBug(LINES)
      return await planReplay(await app.deps(), { to: { datetime: early } })
    })
    const times = plan.partitions.map(({ partition, to }) => {
      const records = app.simulation.cluster.records('texts', partition, 'read_committed')
      return records.filter(({ offset }) => offset >= to - 1 && offset <= to)
    })
    for (const [before, at] of times) {
      expect(before?.timestampMs).toBeLessThan(Date.parse(early))
      expect(at?.timestampMs).toBeGreaterThanOrEqual(Date.parse(early))
    }
  })

  test.for(['yesterday', '2026-08-01', '2026-08-01T10:00:00', '2026-13-01T10:00:00Z'])(
    'not "%s", which has no zone or is no time',
    async (datetime) => {
      using app = new Words()
      await app.run(async () => {
        const planned = planReplay(await app.deps(), { to: { datetime } })
        await expect(planned).rejects.toMatchObject({ code: 'INVALID_CONFIG' })
      })
    },
  )

  test('not a shift of what was never committed', async () => {
    using app = new Words()
    await app.run(async () => {
      await expect(planReplay(await app.deps(), { to: { shift: -1 } })).rejects.toThrow(
        'texts-0 has no committed offset to shift from',
      )
    })
  })
})

describe('with its state kept', () => {
  test('it sets offsets, and what is read again comes on top of what was', async () => {
    using app = new Words()
    await app.run(async () => {
      await app.hasRunWithTheBug(LINES)
      const plan = await app.replay({ to: 'earliest', keepState: true })
      expect(plan).toMatchObject({ stores: [], changelogs: [], repartitions: [], keepsState: true })
      app.start(buggy, 0)
      await app.settle()
      await app.simulation.stopAll()
    })
    const twice = Object.entries(wrong(LINES)).map(([word, count]) => [word, 2 * count])
    expect(app.state).toEqual(Object.fromEntries(twice))
  })

  test('one partition of one topic may be chosen', async () => {
    using app = new Words()
    const [before, after] = await app.run(async () => {
      await app.hasRunWithTheBug(LINES)
      const before = app.simulation.cluster.groupState('words')?.offsets
      await app.replay({ to: { offset: 5 }, topics: ['texts:1'], keepState: true })
      return [before, app.simulation.cluster.groupState('words')?.offsets]
    })
    expect([before?.get('texts-0'), 5]).toEqual([after?.get('texts-0'), after?.get('texts-1')])
  })
})

test('a stateless step in front of nothing may be replayed in part', async () => {
  using app = new Words()
  const texts = topic('texts', { key: string, value: string })
  const totals = topic('totals', { key: string, value: string })
  const shouting = topology('shouting', (builder) => {
    builder
      .stream(texts)
      .mapValues((text) => text.toUpperCase())
      .to(totals)
  })
  await app.run(async () => {
    const deps = await app.deps('replay', shouting)
    const options = { to: 'latest', topics: ['texts:1'] } as const
    const { plan } = await replay(deps, options, () => true)
    expect(plan.partitions).toHaveLength(1)
  })
  expect([...(app.simulation.cluster.groupState('shouting')?.offsets ?? [])]).toEqual([
    ['texts-1', 0],
  ])
})
