import { describe, expect, test } from 'vitest'
import { string, topic, topology, type Topology } from 'millrace'
import { topicPartitionKey } from '../../core/topic-partition.ts'
import type { Life } from '../../runtime/life.fixtures.ts'
import { Disk, textOf } from '../../runtime/simulation.fixtures.ts'
import { shadowed } from '../../topology/shadow.ts'
import { diffOutputs, type DiffOptions, type TopicDiff } from './diff-outputs.ts'
import type { ReplayTo } from './replay-target.ts'
import { buggy, countedUp, fixed, right, Words, wrong } from './replay.fixtures.ts'
import { discardShadow, findShadow, prepareShadow, shadowProgress, type Shadow } from './shadow.ts'

const LINES = 32
const ID = 'try-1'

/** As `runShadow`, with a thread of the simulation. */
async function runIn(app: Words, topology: Topology, shadow: Shadow): Promise<void> {
  const until = Object.fromEntries(
    shadow.inputs.map((each) => [topicPartitionKey(each.topic, each.partition), each.until]),
  )
  const life: Life = app.simulation.start({
    topology: { ...shadowed(topology, shadow.id), name: shadow.id },
    disk: new Disk(),
    clientId: shadow.id,
    until,
  })
  const deps = await app.deps('watch', topology)
  let before: string | undefined
  for (let isDone = false; !isDone;) {
    await app.simulation.clock.sleep(200)
    if (life.states.at(-1) !== 'running') continue
    const progress = await shadowProgress(deps, shadow)
    isDone = progress.isDrained && progress.between === before
    before = progress.isDrained ? progress.between : undefined
  }
  expect(await life.stop()).toBeUndefined()
  await app.simulation.clock.sleep(1_000)
}

async function prepare(app: Words, to: ReplayTo = 'earliest', client = 'replay'): Promise<Shadow> {
  return await prepareShadow(await app.deps(client), ID, { to })
}

/** Counted by the shadow, word by word. */
function shadowTotals(app: Words): Readonly<Record<string, readonly number[]>> {
  const sent: Record<string, number[]> = {}
  for (const { key, value } of app.simulation.committed(`${ID}.totals`).flat()) {
    ;(sent[textOf(key) ?? ''] ??= []).push(Number(textOf(value)))
  }
  return sent
}

async function diff(app: Words, options: DiffOptions = {}): Promise<readonly TopicDiff[]> {
  const deps = await app.deps('diff')
  const diffs: TopicDiff[] = []
  for await (const each of diffOutputs(deps, (await findShadow(deps, ID))!, options))
    diffs.push(each)
  return diffs
}

describe('a shadow', () => {
  test('reads what the application has read, and ends; the application goes on beside it', async () => {
    using app = new Words()
    await app.run(async () => {
      const life = app.start(buggy, 0)
      await app.count(LINES)
      const shadow = await prepare(app)
      expect(shadow).toMatchObject({ id: ID, applicationId: 'words', isResumed: false })
      await app.count(8)
      await runIn(app, fixed, shadow)
      await app.count(8)
      await life.stop()
    })
    expect(shadowTotals(app)).toEqual(countedUp(right(LINES)))
    expect(app.simulation.committed(`${ID}.words.dead`).flat()).toHaveLength(LINES / 8)
    // And that as if there had never been a shadow.
    expect(app.state).toEqual(wrong(LINES + 16))
    expect(app.totals()).toEqual(countedUp(wrong(LINES + 16)))
  })

  test('touches nothing but topics, groups and transactional ids of its own', async () => {
    using app = new Words()
    await app.run(async () => {
      await app.hasRunWithTheBug(LINES)
      await runIn(app, fixed, await prepare(app))
    })
    const requests = app.simulation.cluster.faults.requests.filter(({ clientId }) =>
      [ID, 'replay', 'watch'].includes(clientId),
    )
    const reading = ['metadata', 'fetch', 'listOffsets', 'offsetFetch', 'describeGroup']
    const writing = requests.filter(({ api }) => !reading.includes(api))
    const groups = new Set(writing.flatMap(({ groupId }) => groupId ?? []))
    expect([...groups].toSorted()).toEqual([ID, `${ID}.until`])
    const ids = writing.flatMap(({ transactionalId }) => transactionalId ?? [])
    expect(ids.filter((id) => !id.startsWith(`${ID}-`))).toEqual([])
    const written = writing
      .filter(({ api }) => ['produce', 'deleteRecords', 'addPartitionsToTxn'].includes(api))
      .flatMap(({ partitions }) => partitions.map(({ topic }) => topic))
    expect(written.filter((topic) => !topic.startsWith(ID))).toEqual([])
    expect(new Set(written)).toContain(`${ID}.totals`)
  })

  test('is bounded by the moment it was made, also when making it was interrupted', async () => {
    const countRequests = async (): Promise<number> => {
      using app = new Words()
      await app.run(async () => {
        await app.hasRunWithTheBug(LINES)
        await prepare(app)
      })
      return app.simulation.cluster.faults.count(({ clientId }) => clientId === 'replay')
    }
    const count = await countRequests()
    expect(count).toBeGreaterThan(10)
    for (let index = 0; index < count; index += 1) {
      using app = new Words()
      await app.run(async () => {
        await app.hasRunWithTheBug(LINES)
        let sent = 0
        const died = Promise.withResolvers<void>()
        app.simulation.cluster.faults.onRequest(({ clientId }) => clientId === 'replay', {
          after: () => {
            if (sent++ !== index) return undefined
            died.resolve()
            return 'die'
          },
        })
        const dying = prepare(app)
        await Promise.race([died.promise, dying.catch(() => {})])
        await dying.catch(() => {})
        // A member that is dead is one until its session ends.
        await app.simulation.clock.sleep(11_000)
        const shadow = await prepare(app, 'earliest', 'second')
        expect(shadow.inputs.map(({ start }) => start)).toEqual([0, 0])
        await runIn(app, fixed, shadow)
      })
      expect(shadowTotals(app)).toEqual(countedUp(right(LINES)))
    }
  })

  test('goes on where it was, with the bounds it had', async () => {
    using app = new Words()
    await app.run(async () => {
      const life = app.start(buggy, 0)
      await app.count(LINES)
      const first = await prepare(app)
      await app.count(8)
      const second = await prepare(app, 'latest')
      expect(second).toMatchObject({ inputs: first.inputs, outputs: first.outputs })
      expect(second.isResumed).toBe(true)
      await runIn(app, fixed, second)
      await runIn(app, fixed, second)
      await life.stop()
    })
    expect(shadowTotals(app)).toEqual(countedUp(right(LINES)))
  })

  test('may begin later, or read a part of the input only', async () => {
    using app = new Words()
    await app.run(async () => {
      await app.hasRunWithTheBug(LINES)
      const [, second] = app.ends('texts')
      const shadow = await prepare(app, { shift: -2 })
      expect(shadow.inputs[1]).toEqual({
        topic: 'texts',
        partition: 1,
        start: (second ?? 0) - 2,
        until: second,
      })
      const deps = await app.deps()
      const options = { to: 'earliest', topics: ['texts:0'] } as const
      await expect(prepareShadow(deps, 'part', options)).rejects.toThrow(/is also made of texts-1/)
    })
  })

  test('can be discarded, and made anew', async () => {
    using app = new Words()
    await app.run(async () => {
      await app.hasRunWithTheBug(LINES)
      await runIn(app, fixed, await prepare(app))
      const deps = await app.deps('admin')
      const before = await deps.port.metadata('all')
      const removed = await discardShadow(deps, ID)
      const after = await deps.port.metadata('all')
      expect([...before.keys()].filter((name) => !after.has(name)).toSorted()).toEqual(
        [
          `${ID}-counts-changelog`,
          `${ID}-counts-repartition`,
          `${ID}.totals`,
          `${ID}.words.dead`,
        ].toSorted(),
      )
      expect(removed).toHaveLength(4)
      expect(await deps.port.listGroups()).not.toContain(`${ID}.until`)
      await expect(discardShadow(deps, ID)).rejects.toMatchObject({ code: 'INVALID_CONFIG' })
      const again = await prepare(app)
      expect(again.isResumed).toBe(false)
      await runIn(app, fixed, again)
    })
    expect(shadowTotals(app)).toEqual(countedUp(right(LINES)))
  })
})

describe('it refuses an id', () => {
  test.for([
    ['the application itself', 'words', /is the application itself/],
    ['no name', 'try 1', /cannot be the id/],
  ] as const)('that is %s', async ([, id, message]) => {
    using app = new Words()
    await app.run(async () => {
      await app.hasRunWithTheBug(8)
      const prepared = prepareShadow(await app.deps(), id, { to: 'earliest' })
      await expect(prepared).rejects.toThrow(message)
    })
  })

  test('whose topics or group are somebody else’s', async () => {
    using app = new Words()
    await app.run(async () => {
      await app.hasRunWithTheBug(8)
      app.simulation.cluster.createTopic('taken.totals', 1)
      const deps = await app.deps()
      await expect(prepareShadow(deps, 'taken', { to: 'earliest' })).rejects.toThrow(
        'topic "taken.totals" is there already, and is of no shadow',
      )
      const outside = { groupId: 'busy', memberId: '', generation: -1, instanceId: null }
      const offset = { topic: 'texts', partition: 0, offset: 1, metadata: '' }
      await deps.port.offsetCommit(outside, [offset])
      await expect(prepareShadow(deps, 'busy', { to: 'earliest' })).rejects.toThrow(
        'group "busy" is there already, and is of no shadow',
      )
    })
  })

  test('whose topics a pattern of the application would read', async () => {
    using app = new Words()
    app.simulation.cluster.createTopic('copies', 2)
    const copies = topic('copies', { key: string, value: string })
    const copying = topology('copying', (builder) => {
      builder.stream(/text/, { key: string, value: string }).to(copies)
    })
    await app.run(async () => {
      const deps = await app.deps('replay', copying)
      await expect(prepareShadow(deps, 'text', { to: 'earliest' })).rejects.toThrow(
        'the application would read topic "text.copies" of the shadow: it matches /text/',
      )
    })
  })
})

describe('a comparison by key', () => {
  test('finds no difference where there is none', async () => {
    using app = new Words()
    await app.run(async () => {
      const life = app.start(buggy, 0)
      await app.count(LINES)
      await runIn(app, buggy, await prepare(app))
      // What the application does since then is not compared.
      await app.count(8)
      await life.stop()
      const words = Object.keys(wrong(LINES)).length
      const same = { equal: words, different: 0, missing: 0, extra: 0, examples: [] }
      expect((await diff(app))[0]).toEqual({
        topic: 'totals',
        shadowTopic: `${ID}.totals`,
        ...same,
      })
      expect((await diff(app, { keysMax: 5 }))[0]).toMatchObject(same)
      expect((await diff(app, { latest: true }))[0]).toMatchObject(same)
    })
  })

  test('tells equal, different, missing and extra keys, and their last values', async () => {
    using app = new Words()
    const diffs = await app.run(async () => {
      await app.hasRunWithTheBug(LINES)
      await runIn(app, fixed, await prepare(app))
      return await diff(app, { limit: 100 })
    })
    const [before, after] = [wrong(LINES), right(LINES)]
    const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])]
    const expected = (is: (word: string) => boolean): number => keys.filter(is).length
    const totals = diffs.find((each) => each.topic === 'totals')
    expect(totals).toMatchObject({
      equal: expected((word) => before[word] === after[word]),
      different: expected(
        (word) => word in before && word in after && before[word] !== after[word],
      ),
      missing: expected((word) => !(word in after)),
      extra: expected((word) => !(word in before)),
    })
    const [or] = totals?.examples.filter(({ key }) => textOf(key) === 'or') ?? []
    expect(or?.status).toBe('different')
    expect(textOf(or?.application?.value ?? null)).toBe(String(before['or']))
    expect(textOf(or?.shadow?.value ?? null)).toBe(String(after['or']))
    const [to] = totals?.examples.filter(({ key }) => textOf(key) === 'To') ?? []
    expect(to).toMatchObject({ status: 'missing', shadow: undefined })
  })

  test('looks at one topic, and no older records, where asked', async () => {
    using app = new Words()
    await app.run(async () => {
      await app.hasRunWithTheBug(LINES)
      await runIn(app, fixed, await prepare(app))
      const [dead] = await diff(app, { topics: ['words.dead'] })
      expect(dead).toMatchObject({ topic: 'words.dead', different: 0, missing: 0, extra: 0 })
      const [none] = await diff(app, { topics: ['totals'], sinceMs: Infinity })
      expect(none).toMatchObject({ equal: 0, different: 0, missing: 0, extra: 0 })
      await expect(diff(app, { topics: ['texts'] })).rejects.toMatchObject({
        code: 'INVALID_CONFIG',
      })
    })
  })
})
