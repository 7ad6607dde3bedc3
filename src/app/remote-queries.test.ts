/** Two processes of an application on the simulated cluster, which ask each other over HTTP. */
import { expect, test } from 'vitest'
import { countOf } from '../../docs/guide/examples/ask-standbys.ts'
import { json, string, topic, topology, tumbling, versionedStore } from 'millrace'
import type { StreamsError } from '../core/errors.ts'
import type { Life } from '../runtime/life.fixtures.ts'
import { Disk, Simulation, START_MS } from '../runtime/simulation.fixtures.ts'
import { HttpServer } from '../server/http-server.ts'
import { threadOf } from './application.fixtures.ts'
import { Application } from './application.ts'
import { ApplicationLife } from './application-state.ts'
import { poolOf } from './pool.fixtures.ts'
import type { StoreRows } from './store-view.ts'

const clicks = topic('clicks', { key: string, value: json<number>() })
const prices = topic('prices', { key: string, value: json<number>() })
const counting = topology('counting', (builder) => {
  builder.table(prices, {
    store: versionedStore('prices', { key: string, value: json<number>(), history: '1h' }),
  })
  const grouped = builder.stream(clicks).groupByKey()
  grouped.count({ store: 'counts' })
  grouped.windowedBy(tumbling('1s', { grace: '1h' })).count({ store: 'per-second' })
})
const AT_MS = START_MS - 60_000
const pages = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
const counts = pages.map((page, index) => [page, index + 1] as const)

interface Process {
  readonly life: Life
  readonly app: Application
  readonly http: HttpServer
  readonly url: string
}

interface Scene {
  readonly simulation: Simulation
  readonly a: Process
  readonly b: Process
  /** Pages whose counts the process keeps itself. */
  readonly pagesOf: (process: Process) => readonly string[]
}

/** Each page was clicked once more than the one before it. */
async function play(
  standbys: number,
  scene: (scene: Scene) => Promise<void>,
  httpToken?: string,
): Promise<void> {
  using simulation = new Simulation()
  for (const name of ['clicks', 'prices']) simulation.cluster.createTopic(name, 4)
  const servers: HttpServer[] = []
  const start = async (processId: string): Promise<Process> => {
    const http = await HttpServer.listen({ host: '127.0.0.1', port: 0 })
    servers.push(http)
    const life = simulation.start({
      topology: counting,
      disk: new Disk(),
      clientId: processId,
      server: http.url,
      standbys,
    })
    const applicationLife = new ApplicationLife()
    const pool = poolOf(1, () => threadOf(life, counting), applicationLife)
    const app = new Application(counting, pool, {
      applicationId: 'counting',
      life: applicationLife,
      directory: { processId, [Symbol.dispose]: () => {} } as never,
      http,
      httpToken,
      patience: { stuckAfterMs: 60_000, maxPollIntervalMs: 300_000 },
    })
    return { life, app, http, url: http.url }
  }
  const record = (name: string, key: string, value: number, timestampMs: number) => ({
    topic: name,
    key,
    value: JSON.stringify(value),
    timestampMs,
  })
  const write = (): void => {
    simulation.write(
      counts.flatMap(([page, clicked]) =>
        Array.from({ length: clicked }, (_, index) =>
          record('clicks', page, 1, AT_MS + index * 1_000),
        ),
      ),
      4,
    )
    simulation.write(
      pages.flatMap((page) => [
        record('prices', page, 5, AT_MS),
        record('prices', page, 7, AT_MS + 1_000),
      ]),
      4,
    )
  }
  await simulation.clock.run(async () => {
    const [a, b] = [await start('process-a'), await start('process-b')]
    const both = [a, b]
    const halves = (): boolean => both.every(({ life }) => life.thread.tasks.length === 4)
    await simulation.until(halves, 'each runs half of the tasks')
    write()
    await simulation.until(
      () => simulation.hasCommitted('counting', ['clicks', 'prices'], 4),
      'all is counted',
    )
    const pagesOf = ({ app }: Process): readonly string[] =>
      pages.filter((page) => app.metadataFor('counts', page).active?.isThisOne === true)
    for (const process of both) expect(pagesOf(process)).not.toEqual([])
    await scene({ simulation, a, b, pagesOf })
    for (const { app } of both) await app.stop()
  })
  for (const http of servers) await http.close()
}

const pairs = ({ rows }: StoreRows): readonly unknown[] => rows.map((row) => [row.key, row.value])

const unavailable = (message: string) =>
  ({ code: 'STORE_UNAVAILABLE', message: expect.stringContaining(message) as unknown }) as const

test('any process answers for every key, and tells where it is', async () => {
  await play(0, async ({ a, b, pagesOf }) => {
    expect([...pagesOf(a), ...pagesOf(b)].toSorted()).toEqual(pages)
    for (const { app, url } of [a, b]) {
      for (const [page, clicked] of counts) {
        expect(await app.store('counts').find(page)).toEqual({ value: clicked, stale: undefined })
        const { active, standbys } = app.metadataFor('counts', page)
        expect(active?.server).toBe(pagesOf(a).includes(page) ? a.url : b.url)
        expect(standbys).toEqual([])
        const answer = await fetch(`${url}/stores/counts/${page}`)
        expect(await answer.json()).toEqual({ key: page, value: clicked })
      }
      expect(await app.store('counts').get('nobody')).toBeUndefined()
      expect(app.instances().map(({ processId }) => processId)).toEqual(['process-a', 'process-b'])
    }
  })
})

test('rows are those of all processes, in order', async () => {
  await play(0, async ({ a, b, pagesOf }) => {
    for (const process of [a, b]) {
      const { app } = process
      expect(pairs(await app.store('counts').range(null, null))).toEqual(counts)
      const last = await app.store('counts').range('b', null, { reverse: true, limit: 3 })
      expect([pairs(last), last.complete]).toEqual([counts.toReversed().slice(0, 3), false])
      expect(pairs(await app.store('counts').prefix(Buffer.from('c')))).toEqual([['c', 3]])
      const own = await app.store('counts').range(null, null, { local: true })
      expect(pairs(own)).toEqual(counts.filter(([page]) => pagesOf(process).includes(page)))
      const ofH = await app.store('per-second').fetch('h', AT_MS, AT_MS + 2_000)
      expect(ofH.rows.map(({ value }) => value)).toEqual([1, 1, 1])
      const { rows } = await app.store('per-second').fetchAll(AT_MS + 5_000, AT_MS + 6_000)
      const window = (index: number) => ({
        startMs: AT_MS + index * 1_000,
        endMs: AT_MS + (index + 1) * 1_000,
      })
      expect(rows.map(({ key }) => key)).toEqual([
        ...['f', 'g', 'h'].map((key) => ({ key, window: window(5) })),
        ...['g', 'h'].map((key) => ({ key, window: window(6) })),
      ])
    }
  })
})

test('versions are asked for as of a time, wherever they are', async () => {
  await play(0, async ({ a, b }) => {
    for (const { app } of [a, b]) {
      for (const page of pages) {
        const price = (asOfMs?: number): Promise<unknown> =>
          app.store('prices').get(page, asOfMs === undefined ? {} : { asOfMs })
        expect([await price(AT_MS), await price(), await price(AT_MS - 1)]).toEqual([
          5,
          7,
          undefined,
        ])
      }
      await expect(app.store('counts').get('a', { asOfMs: 1 })).rejects.toMatchObject({
        code: 'INVALID_CONFIG',
      })
    }
  })
})

test('where an instance does not answer there is an error, never a part of the rows', async () => {
  await play(0, async ({ a, b, pagesOf }) => {
    await b.http.close()
    const [ofA = '', ofB = ''] = [pagesOf(a)[0], pagesOf(b)[0]]
    const store = a.app.store('counts')
    expect(await store.get(ofA)).toBe(counts.find(([page]) => page === ofA)?.[1])
    await expect(store.get(ofB)).rejects.toMatchObject(unavailable(`${b.url} does not answer`))
    await expect(store.range(null, null)).rejects.toMatchObject(unavailable('does not answer'))
    await expect(store.get(ofB, { local: true })).rejects.toMatchObject(unavailable('this process'))
    const answer = await fetch(`${a.url}/stores/counts`)
    expect([answer.status, await answer.json()]).toMatchObject([
      503,
      { error: { code: 'STORE_UNAVAILABLE' } },
    ])
  })
})

test('instances show each other the token that who asks has to show', async () => {
  const token = '0123456789abcdef'
  const scene = async ({ a, b }: Scene): Promise<void> => {
    for (const { app, url } of [a, b]) {
      expect(pairs(await app.store('counts').range(null, null))).toEqual(counts)
      expect(await app.store('counts').get('h')).toBe(8)
      expect((await fetch(`${url}/stores/counts/h`)).status).toBe(401)
      const headers = { authorization: `Bearer ${token}` }
      const answer = await fetch(`${url}/stores/counts/h`, { headers })
      expect(await answer.json()).toEqual({ key: 'h', value: 8 })
    }
  }
  await play(0, scene, token)
})

test('nobody answers for another process that had its address', async () => {
  await play(0, async ({ a, b, pagesOf }) => {
    const asked = `${a.url}/peers/process-b/stores/counts/rows?limit=9&scan=`
    const scan = encodeURIComponent('{"kind":"prefix","prefix":""}')
    const answer = await fetch(`${asked}${scan}`)
    expect([answer.status, await answer.json()]).toMatchObject([
      503,
      { error: { message: 'this is process process-a, not process-b' } },
    ])
    expect((await fetch(`${asked}nonsense`)).status).toBe(503)
    const own = asked.replace('process-b', 'process-a')
    expect((await fetch(`${own}nonsense`)).status).toBe(400)
    expect((await fetch(`${own}${scan}`)).status).toBe(200)
    // What is asked of one is not asked on: the other's keys are not there.
    const key = Buffer.from(pagesOf(b)[0] ?? '').toString('base64url')
    const url = `${a.url}/peers/process-a/stores/counts/value?key=${key}&owner=${key}`
    expect(await (await fetch(url)).json()).toEqual({ owned: false })
  })
})

test('who takes the tasks over answers for their keys', async () => {
  await play(0, async ({ simulation, a, b, pagesOf }) => {
    const ofB = pagesOf(b)
    b.life.crash()
    await b.http.close()
    const store = a.app.store('counts')
    // Until then there may be no answer, but no wrong one.
    for (const page of ofB) {
      const clicked = counts.find(([each]) => each === page)?.[1]
      const answer = await store.get(page).catch((error: unknown) => (error as StreamsError).code)
      expect([clicked, 'STORE_UNAVAILABLE']).toContain(answer)
    }
    await simulation.until(() => a.life.thread.tasks.length === 8, 'the survivor runs all')
    for (const [page, clicked] of counts) expect(await store.get(page)).toBe(clicked)
    expect(pairs(await store.range(null, null))).toEqual(counts)
    expect(a.app.instances().map(({ processId }) => processId)).toEqual(['process-a'])
  })
})

test('a standby answers where that will do, and says how far it is behind', async () => {
  await play(1, async ({ simulation, a, b, pagesOf }) => {
    const caughtUp = (): boolean =>
      [a, b].every(({ life }) => {
        const { standbys } = life.thread.snapshot()
        const lags = standbys.flatMap(({ stores }) => stores.map(({ lag }) => lag))
        return standbys.length === 4 && lags.length > 0 && lags.every((lag) => lag === 0)
      })
    await simulation.until(caughtUp, 'both follow what the other one runs')
    const [page = ''] = pagesOf(b)
    const clicked = counts.find(([each]) => each === page)?.[1]
    expect(a.app.metadataFor('counts', page).standbys).toMatchObject([{ isThisOne: true }])
    // It is here, so nobody else is asked.
    expect(await countOf(a.app, page)).toEqual({
      value: clicked,
      recordsBehind: 0,
      askedAt: 'process-a',
    })
    await b.http.close()
    const store = a.app.store('counts')
    await expect(store.get(page)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    expect(await store.find(page, { standby: true })).toEqual({ value: clicked, stale: { lag: 0 } })
    const rows = await store.range(null, null, { standby: true })
    expect([pairs(rows), rows.stale]).toEqual([counts, { lag: 0 }])
    const answer = await fetch(`${a.url}/stores/counts/${page}?standby=true`)
    expect(await answer.json()).toEqual({ key: page, value: clicked, stale: { lag: 0 } })
  })
})
