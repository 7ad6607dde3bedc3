/** The HTTP API over real threads on the simulated cluster; docs/openapi.json says what it is. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { report } from '../../docs/guide/examples/queries.ts'
import { json, string, topic, topology, tumbling } from 'millrace'
import { Disk, Simulation, START_MS } from '../runtime/simulation.fixtures.ts'
import { HttpServer } from '../server/http-server.ts'
import { threadOf } from './application.fixtures.ts'
import { Application } from './application.ts'
import { ApplicationLife } from './application-state.ts'
import { poolOf } from './pool.fixtures.ts'
import { routesOf } from './routes.ts'

const clicks = topic('clicks', { key: string, value: json<number>() })
const pages = topic('pages', { key: string, value: json<{ title: string }>() })
const counting = topology('counting', (builder) => {
  builder.globalTable(pages, { store: 'titles' })
  const grouped = builder.stream(clicks).groupByKey()
  grouped.count({ store: 'counts' })
  grouped.windowedBy(tumbling('1s', { grace: '1h' })).count({ store: 'per-second' })
})
const AT_MS = START_MS - 60_000

interface Scene {
  readonly app: Application
  readonly ask: (path: string) => Promise<readonly [status: number, body: unknown]>
}

/** Two threads with two partitions each have counted clicks on seven pages. */
async function play(scene: (scene: Scene) => Promise<void>): Promise<void> {
  using simulation = new Simulation()
  simulation.cluster.createTopic('clicks', 4)
  simulation.cluster.createTopic('pages', 1)
  const http = await HttpServer.listen({ host: '127.0.0.1', port: 0 })
  const life = new ApplicationLife()
  await simulation.clock.run(async () => {
    const record = (topicName: string, key: string, value: unknown, timestampMs: number) => ({
      topic: topicName,
      key,
      value: JSON.stringify(value),
      timestampMs,
    })
    simulation.write([record('pages', 'a', { title: 'A' }, 1)], 1)
    const lives = [0, 1].map((threadIndex) =>
      simulation.start({
        topology: counting,
        disk: new Disk(),
        clientId: `t-${threadIndex}`,
        threadIndex,
        processId: 'process-1',
        server: http.url,
      }),
    )
    const states = () => lives.map(({ thread }) => thread.state)
    await simulation.until(() => states().every((state) => state === 'running'), 'both run')
    const keys = ['a', 'b', 'c', 'd', 'e', 'ea', 'eb']
    simulation.write(
      keys.map((key) => record('clicks', key, 1, AT_MS)),
      4,
    )
    simulation.write([record('clicks', 'a', 1, AT_MS + 5_000)], 4)
    const processed = () =>
      lives.reduce((sum, { thread }) => sum + thread.snapshot().counters.processed, 0)
    await simulation.until(() => processed() === 8, 'all is counted')
    life.follow(states())
    const pool = poolOf(lives.length, (index) => threadOf(lives[index]!, counting), life)
    const app = new Application(counting, pool, {
      applicationId: 'counting',
      life,
      directory: { processId: 'process-1', [Symbol.dispose]: () => {} } as never,
      http,
      patience: { stuckAfterMs: 60_000, maxPollIntervalMs: 300_000 },
    })
    await scene({
      app,
      ask: async (path) => {
        const response = await fetch(`${http.url}${path}`)
        const isJson = response.headers.get('content-type')?.startsWith('application/json')
        return [response.status, isJson === true ? await response.json() : await response.text()]
      },
    })
    await app.stop()
  })
}

const rowsOf = (body: unknown): unknown[] =>
  (body as { rows: { key: unknown; value: unknown }[] }).rows.map(({ key, value }) => [key, value])

test('a key is found in whichever thread owns it, a range over all of them, in order', async () => {
  await play(async ({ app, ask }) => {
    expect(await ask('/stores/counts/a')).toEqual([200, { key: 'a', value: 2 }])
    expect(await ask('/stores/counts/eb')).toEqual([200, { key: 'eb', value: 1 }])
    expect(await ask('/stores/counts/zz')).toEqual([
      404,
      { error: { message: 'store "counts" has no key zz' } },
    ])
    const all = { a: 2, b: 1, c: 1, d: 1, e: 1, ea: 1, eb: 1 }
    expect(rowsOf((await ask('/stores/counts'))[1])).toEqual(Object.entries(all))
    expect(rowsOf(await app.store('counts').range('b', 'd'))).toEqual([
      ['b', 1],
      ['c', 1],
      ['d', 1],
    ])
    expect(await ask('/stores/counts?from=b&reverse=true&limit=2')).toEqual([
      200,
      {
        rows: [
          { key: 'eb', value: 1 },
          { key: 'ea', value: 1 },
        ],
        complete: false,
      },
    ])
    expect(await ask('/stores/counts?prefix=e')).toMatchObject([200, { complete: true }])
    expect(rowsOf((await ask('/stores/counts?prefix=e'))[1])).toEqual([
      ['e', 1],
      ['ea', 1],
      ['eb', 1],
    ])
  })
})

test('windows are found by key and time, wherever their key lives', async () => {
  await play(async ({ app, ask }) => {
    const first = { startMs: AT_MS, endMs: AT_MS + 1_000 }
    for (const key of ['a', 'b', 'c', 'd', 'e', 'ea', 'eb']) {
      expect(await app.store('per-second').get({ key, window: first })).toBe(1)
    }
    const windows = await app.store('per-second').fetch('a', 0, AT_MS + 60_000)
    expect(rowsOf(windows)).toEqual([
      [{ key: 'a', window: first }, 1],
      [{ key: 'a', window: { startMs: AT_MS + 5_000, endMs: AT_MS + 6_000 } }, 1],
    ])
    // As the guide does it.
    expect(await report(app, AT_MS)).toMatchObject({
      ofA: 2,
      rows: [{ key: 'b' }, { key: 'c' }, { key: 'd' }],
      complete: true,
      beginWithE: [{ key: 'e' }, { key: 'ea' }, { key: 'eb' }],
      windows: windows.rows,
    })
    const early = await ask(`/stores/per-second/a?toMs=${AT_MS}`)
    expect(early).toMatchObject([200, { rows: [{ value: 1 }], complete: true }])
    // Of all keys: by time, then by key.
    const second = rowsOf((await ask(`/stores/per-second?fromMs=${AT_MS + 1}`))[1])
    expect(second).toEqual([windows.rows[1]].map((row) => [row?.key, row?.value]))
    const all = await app.store('per-second').fetchAll(AT_MS, AT_MS + 5_000, { limit: 7 })
    expect(rowsOf(all).map((row) => ((row as unknown[])[0] as { key: string }).key)).toEqual([
      'a',
      'b',
      'c',
      'd',
      'e',
      'ea',
      'eb',
    ])
    expect(all.complete).toBe(false)
    await expect(app.store('counts').fetch('a', 0, 1)).rejects.toMatchObject({
      code: 'INVALID_CONFIG',
    })
  })
})

test('a global store, which every thread has, is told once', async () => {
  await play(async ({ ask }) => {
    const a = { key: 'a', value: { title: 'A' } }
    expect(await ask('/stores/titles')).toEqual([200, { rows: [a], complete: true }])
    expect(await ask('/stores/titles/a')).toEqual([200, a])
  })
})

test('bad questions are told what was wrong with them', async () => {
  await play(async ({ ask }) => {
    const code = async (path: string) => [(await ask(path))[0], (await ask(path))[1]]
    expect(await code('/stores/nothing/a')).toMatchObject([
      404,
      { error: { code: 'STORE_MISSING' } },
    ])
    const limits = [
      '/stores/counts?limit=0',
      '/stores/counts?limit=many',
      '/stores/counts?limit=1e9',
    ]
    for (const path of limits) {
      expect(await code(path)).toMatchObject([400, { error: { code: 'INVALID_CONFIG' } }])
    }
  })
})

test('every path that docs/openapi.json documents is served as it says, and no other', async () => {
  interface Parameter {
    readonly name: string
    readonly in: string
    readonly required: boolean
    readonly example?: string
  }
  interface Operation {
    readonly parameters?: readonly Parameter[]
    readonly responses: Readonly<Record<string, { content: Readonly<Record<string, unknown>> }>>
  }
  const file = new URL('../../docs/openapi.json', import.meta.url)
  const { paths } = JSON.parse(readFileSync(file, 'utf8')) as {
    readonly paths: Readonly<Record<string, { readonly get: Operation }>>
  }
  await play(async ({ app, ask }) => {
    for (const [path, { get }] of Object.entries(paths)) {
      const parameters = get.parameters ?? []
      const needed = parameters.filter((each) => each.in === 'query' && each.required)
      const query = new URLSearchParams()
      for (const { name, example = '' } of needed) query.set(name, example)
      const filled = parameters.reduce(
        (text, { name, example }) => text.replace(`{${name}}`, example ?? ''),
        path,
      )
      const asked = needed.length === 0 ? filled : `${filled}?${query.toString()}`
      const [status, body] = await ask(asked)
      expect([asked, status]).toEqual([asked, 200])
      const type = Object.keys(get.responses['200']?.content ?? {})[0]
      expect(type).toBe(typeof body === 'string' ? 'text/plain' : 'application/json')
    }
    const served = routesOf(app, undefined as never).map(({ path }) => path)
    expect(Object.keys(paths)).toEqual(served)
  })
})
