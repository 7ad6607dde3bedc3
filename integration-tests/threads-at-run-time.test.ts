/** Threads that come, go, fail and wait while records flow: on a real Kafka, to the record. */
import { writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { describe, expect, inject, test } from 'vitest'
import type { Application } from '../src/app/application.ts'
import { start, type StartOptions } from '../src/app/start.ts'
import { systemClock } from '../src/core/clock.ts'
import { connectTo, createTopics, uniqueName, write } from './support/kafka-client.ts'
import { Project } from './support/millrace-command.ts'
import { readAll } from './support/orders-account.ts'

const brokers = inject('kafkaBrokers')
const PARTITIONS = 4
const KEYS = 40
const WITHIN = { timeout: 60_000, interval: 50 }

/**
 * Counts clicks by key. A click that is one of these fails in its own way, as long as a file of
 * that name is there.
 */
const counting = (name: string): string => `
  import { existsSync, rmSync } from 'node:fs'
  import { json, string, topic, topology } from 'millrace'
  const clicks = topic('${name}.clicks', { key: string, value: json<string>() })
  const totals = topic('${name}.totals', { key: string, value: json<number>() })
  const found = (trap: string) => {
    const file = new URL(trap, import.meta.url)
    if (!existsSync(file)) return false
    rmSync(file)
    return true
  }
  export default topology('${name}', { onFailure: 'stop' }, (builder) => {
    builder
      .stream(clicks)
      .peek((value) => {
        if (value === 'exit' && found('exit')) process.exit(3)
        if (value === 'throw' && found('throw')) throw new Error('not today')
        if (value === 'poison') throw new Error('not ever')
      })
      .groupByKey()
      .count({ store: 'counts' })
      .toStream()
      .to(totals)
  })`

const beganByPoison =
  /^thread \d of process [0-9a-f-]{36} on .+ has stopped the application: .*not ever/s

interface Scene {
  readonly project: Project
  readonly start: (options?: Partial<StartOptions>) => Promise<Application>
  /** So many clicks, of which the first one is this; all keys in turn. */
  readonly click: (count: number, first?: string) => Promise<void>
  /** Until every click is counted, and each key's counts are 1, 2, 3 and so on, once each. */
  readonly exact: () => Promise<void>
}

async function play(scene: (scene: Scene) => Promise<void>): Promise<void> {
  const name = uniqueName()
  await using port = await connectTo(brokers)
  await createTopics(port, [`${name}.clicks`, `${name}.totals`], PARTITIONS)
  using project = new Project({ 'counting.ts': counting(name) })
  await using apps = new AsyncDisposableStack()
  const clicks = new Map<string, number>()
  let instances = 0
  await scene({
    project,
    start: async (options = {}) => {
      instances += 1
      const app = await start(pathToFileURL(project.path('counting.ts')).href, {
        brokers,
        stateDir: project.path(`state-${instances}`),
        log: { file: project.path(`log-${instances}`) },
        sessionTimeout: '6s',
        cacheMaxBytes: 0,
        checkpointInterval: '200ms',
        ...options,
      })
      return apps.use(app)
    },
    click: async (count, first = 'click') => {
      const records = Array.from({ length: count }, (_, index) => {
        const key = `key-${index % KEYS}`
        clicks.set(key, (clicks.get(key) ?? 0) + 1)
        return [key, JSON.stringify(index === 0 ? first : 'click')] as const
      })
      await write(port, `${name}.clicks`, records)
    },
    exact: async () => {
      const expected = Object.fromEntries(
        [...clicks].map(([key, count]) => [key, Array.from({ length: count }, (_, at) => at + 1)]),
      )
      const all = [...clicks.values()].reduce((sum, count) => sum + count, 0)
      const totals = () => readAll(port, `${name}.totals`)
      await expect.poll(async () => (await totals()).length, WITHIN).toBeGreaterThanOrEqual(all)
      const actual: Record<string, number[]> = {}
      for (const { key, value } of await totals()) {
        const counts = (actual[Buffer.from(key ?? []).toString()] ??= [])
        counts.push(Number(Buffer.from(value ?? []).toString()))
      }
      expect(actual).toEqual(expected)
    },
  })
}

const running = (...apps: readonly Application[]): Promise<void> =>
  expect.poll(() => apps.map(({ state }) => state), WITHIN).toEqual(apps.map(() => 'running'))

/** Running tasks by thread. */
async function tasksOf(app: Application): Promise<Readonly<Record<number, number>>> {
  const threads = await app.snapshot()
  return Object.fromEntries(
    threads.map(({ thread, tasks }) => [
      thread,
      tasks.filter(({ state }) => state === 'running').length,
    ]),
  )
}

describe('threads at run time', { retry: 0 }, () => {
  test('come and go under load, and the account is exact', async () => {
    await play(async ({ start: open, click, exact }) => {
      const app = await open()
      await running(app)
      const loaded = new AbortController()
      const load = (async () => {
        while (!loaded.signal.aborted) {
          await click(400)
          await systemClock.sleep(20)
        }
      })()
      expect([app.addThread(), app.addThread()]).toEqual([1, 2])
      await expect.poll(() => tasksOf(app), WITHIN).toMatchObject({ 0: expect.any(Number) })
      const spread = async () => Object.values(await tasksOf(app)).toSorted((a, b) => a - b)
      await expect.poll(spread, WITHIN).toEqual([1, 1, 2])
      expect(await app.removeThread()).toBe(2)
      await expect.poll(spread, WITHIN).toEqual([2, 2])
      expect(app.addThread()).toBe(2)
      await expect.poll(spread, WITHIN).toEqual([1, 1, 2])
      expect([await app.removeThread(), await app.removeThread()]).toEqual([2, 1])
      await expect.poll(() => tasksOf(app), WITHIN).toEqual({ 0: PARTITIONS })
      loaded.abort()
      await load
      await exact()
    })
  })

  test('that are paused keep their tasks, and go on where they were', async () => {
    await play(async ({ start: open, click, exact }) => {
      const app = await open({ threads: 2, http: '127.0.0.1:0' })
      await running(app)
      await click(1_000)
      await exact()
      app.pause()
      const processed = async (): Promise<number> =>
        (await app.snapshot()).reduce((sum, { counters }) => sum + counters.processed, 0)
      await click(1_000)
      // Some commit intervals; sessions and transactions pass in src/runtime/thread/pause.test.ts.
      await systemClock.sleep(1_500)
      expect([app.state, await processed()]).toEqual(['running', 1_000])
      expect(await (await fetch(`${app.url}/state`)).json()).toMatchObject({ paused: true })
      expect(await app.metrics()).toContain('\nmillrace_paused 1\n')
      app.resume()
      await exact()
      expect(await app.metrics()).toContain('\nmillrace_paused 0\n')
    })
  })

  test('that fail, or die with all they hold, are replaced, and the account is exact', async () => {
    await play(async ({ project, start: open, click, exact }) => {
      const app = await open({ threads: 2, onUncaughtError: 'replace-thread' })
      await running(app)
      await click(4_000)
      for (const trap of ['throw', 'exit']) {
        writeFileSync(project.path(trap), '')
        await click(4_000, trap)
        await exact()
      }
      expect(await app.metrics()).toContain(
        '\nkafka_streams_stream_metrics_failed_stream_threads 2\n',
      )
      await running(app)
      expect(Object.values(await tasksOf(app))).toEqual([2, 2])
    })
  })

  test('that fail stop every instance where that is wanted, and all say who began', async () => {
    await play(async ({ start: open, click, exact }) => {
      const shared = { threads: 2, onUncaughtError: 'stop-application' } as const
      const apps = [await open(shared), await open(shared)]
      await running(...apps)
      await click(1_000)
      await exact()
      await click(1, 'poison')
      const ends = await Promise.all(
        apps.map(({ finished }) => finished.catch((error: unknown) => error)),
      )
      const began = ends.findIndex((end) => (end as { code: string }).code === 'PROCESSING_FAILED')
      expect(ends[1 - began]).toMatchObject({
        code: 'APPLICATION_STOPPED',
        message: expect.stringMatching(beganByPoison),
      })
      expect(apps.map(({ state }) => state)).toEqual(['error', 'error'])
    })
  })
})
