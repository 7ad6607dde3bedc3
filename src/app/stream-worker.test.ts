import { setFlagsFromString } from 'node:v8'
import { expect, test } from 'vitest'
import type { ThreadState } from '../runtime/thread/thread-state.ts'
import { threadConfigs } from './options.ts'
import { StreamWorker } from './stream-worker.ts'

/** A worker whose topology module is this text. */
function worker(module: string): { readonly worker: StreamWorker; readonly states: ThreadState[] } {
  const states: ThreadState[] = []
  const [config] = threadConfigs({}, 'app', 'process')
  const started = new StreamWorker(
    {
      topologyUrl: `data:text/javascript,${encodeURIComponent(module)}`,
      fingerprint: 'none',
      config: config!,
      connection: { brokers: ['localhost:1'], clientId: 'app' },
      schemaRegistry: undefined,
      statePath: 'nowhere',
      log: { level: 'silent', pretty: false, file: undefined },
      compileCache: false,
    },
    () => states.push(started.state),
  )
  return { worker: started, states }
}

test('a thread that is ended by its topology has failed, and says how', async () => {
  const { worker: ended, states } = worker('process.exit(3)')
  await expect(ended.finished).rejects.toMatchObject({
    code: 'THREAD_FAILED',
    message: 'a stream thread ended by itself, with exit code 3',
  })
  expect(states).toEqual(['failed'])
  expect(await ended.snapshot()).toBeUndefined()
})

test('a thread whose module does not load fails with the reason', async () => {
  const { worker: ended } = worker('throw new TypeError("no such thing")')
  await expect(ended.finished).rejects.toMatchObject({ code: 'INVALID_TOPOLOGY' })
})

const key = new Uint8Array([1])
const question = { store: 'store', key, owner: key, asOfMs: undefined, standby: false }

test('what is asked of a thread that dies is answered with nothing', async () => {
  const { worker: dying } = worker(
    'setTimeout(() => process.exit(1), 50); await new Promise(() => {})',
  )
  const answer = dying.get(question)
  await expect(dying.finished).rejects.toMatchObject({ code: 'THREAD_FAILED' })
  expect(await answer).toBeUndefined()
})

test('queries that a thread does not get to are refused from a number on', async () => {
  const { worker: stuck } = worker(
    'const until = performance.now() + 500; while (performance.now() < until); process.exit(1)',
  )
  const waiting = Array.from({ length: 1_000 }, () => stuck.get(question))
  const rows = {
    store: 'store',
    scan: { kind: 'prefix', prefix: key } as const,
    limit: 10,
    standby: false,
    partitions: undefined,
  }
  await expect(stuck.scan(rows)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
  await expect(stuck.finished).rejects.toMatchObject({ code: 'THREAD_FAILED' })
  expect(new Set(await Promise.all(waiting))).toEqual(new Set([undefined]))
})

test('a thread that owes an answer is known by it, and asked once however many wait', async () => {
  const { worker: stuck } = worker(
    'const until = performance.now() + 500; while (performance.now() < until); process.exit(1)',
  )
  expect(stuck.silentMs).toBe(0)
  const answers = await Promise.all([stuck.snapshot(50), stuck.snapshot(50), stuck.snapshot(50)])
  expect(answers).toEqual([undefined, undefined, undefined])
  expect(stuck.silentMs).toBeGreaterThanOrEqual(40)
  await expect(stuck.finished).rejects.toMatchObject({ code: 'THREAD_FAILED' })
  expect(stuck.silentMs).toBe(0)
})

test('a thread that runs out of memory has failed, and the process goes on', async () => {
  // Of threads that start from now on.
  setFlagsFromString('--max-old-space-size=64')
  const { worker: hungry, states } = worker(
    'const hog = []; for (;;) hog.push(new Array(100_000).fill(hog.length))',
  )
  await expect(hungry.finished).rejects.toMatchObject({
    code: 'THREAD_FAILED',
    message: expect.stringContaining('out of memory'),
  })
  expect(states).toEqual(['failed'])
})
