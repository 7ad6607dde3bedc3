import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { json, string, topic, topology } from 'millrace'
import { openStateDirectory } from '../runtime/state-directory/state-directory.ts'
import { HttpServer } from '../server/http-server.ts'
import { Application } from './application.ts'
import { ApplicationLife } from './application-state.ts'
import { threadConfigs } from './options.ts'
import { poolOf } from './pool.fixtures.ts'
import { StreamWorker } from './stream-worker.ts'

const clicks = topic('clicks', { key: string, value: json<number>() })
const counting = topology('counting', (builder) => {
  builder.stream(clicks).groupByKey().count({ store: 'counts' })
})

/** Holds its thread up for a while, then ends it. */
const stuck = `
  const untilMs = performance.now() + 1_000
  while (performance.now() < untilMs);
  process.exit(1)`

/** An application over HTTP whose one thread runs this text. */
async function serving(module: string): Promise<{ app: Application; url: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-application-'))
  const directory = openStateDirectory(folder, 'counting', 0)
  const http = await HttpServer.listen({ host: '127.0.0.1', port: 0 })
  const life = new ApplicationLife()
  const [config] = threadConfigs({}, 'counting', directory.processId)
  const start = {
    topologyUrl: `data:text/javascript,${encodeURIComponent(module)}`,
    fingerprint: counting.fingerprint,
    config: config!,
    connection: { brokers: ['localhost:1'], clientId: 'app' },
    schemaRegistry: undefined,
    statePath: directory.path,
    log: { level: 'silent', pretty: false, file: undefined },
    compileCache: false,
  } as const
  const pool = poolOf(
    1,
    (_index, _threads, onStateChange) => new StreamWorker(start, onStateChange),
    life,
  )
  const patience = { stuckAfterMs: 100, maxPollIntervalMs: 500 }
  const parts = { applicationId: 'counting', life, directory, http, patience }
  const app = new Application(counting, pool, parts)
  void app.finished.catch(() => rmSync(folder, { recursive: true, force: true }))
  return { app, url: http.url }
}

test('a thread that is stuck is not live, holds up nobody who asks, and ends the rest', async () => {
  const { app, url } = await serving(stuck)
  expect(app.url).toBe(url)
  const live = await fetch(`${url}/health/live`)
  expect([live.status, await live.json()]).toEqual([
    503,
    {
      ok: false,
      state: 'created',
      problems: ['thread 0 has not answered for 0 s: a step holds it up'],
    },
  ])
  const ready = await fetch(`${url}/health/ready`)
  expect([ready.status, await ready.json()]).toEqual([
    503,
    { ok: false, state: 'created', problems: ['the application is created, not running'] },
  ])
  // The answer it waits for is that the thread has ended.
  expect(await app.metrics()).toContain('client_state{application_id="counting",state=')
  await expect(app.finished).rejects.toMatchObject({ code: 'THREAD_FAILED' })
  expect(await app.live()).toEqual({ ok: false, state: 'error', problems: ['a thread failed'] })
  await expect(fetch(`${url}/health/live`)).rejects.toThrow('fetch failed')
})
