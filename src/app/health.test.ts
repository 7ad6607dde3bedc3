import { expect, test } from 'vitest'
import { liveness, readiness } from './health.ts'

const patience = { stuckAfterMs: 60_000, maxPollIntervalMs: 300_000 }
const fine = { thread: 0, silentMs: 0, snapshot: { sinceTurnMs: 10 } }

test('threads that answer and come round are live, whatever state they are in', () => {
  for (const state of ['created', 'rebalancing', 'running', 'pending-shutdown'] as const) {
    expect(liveness(state, [fine], patience)).toEqual({ ok: true, state, problems: [] })
  }
})

test('a thread that owes an answer for too long is stuck, and is named', () => {
  const silent = { thread: 1, silentMs: 59_999, snapshot: undefined }
  expect(liveness('running', [fine, silent], patience).ok).toBe(true)
  expect(liveness('running', [fine, { ...silent, silentMs: 60_000 }], patience)).toEqual({
    ok: false,
    state: 'running',
    problems: ['thread 1 has not answered for 60 s: a step holds it up'],
  })
})

test('a thread whose loop waits is given longer, until it leaves its group: Kafka may be away', () => {
  const waiting = { thread: 0, silentMs: 0, snapshot: { sinceTurnMs: 299_999 } }
  expect(liveness('running', [waiting], patience).ok).toBe(true)
  const stuck = { ...waiting, snapshot: { sinceTurnMs: 300_000 } }
  expect(liveness('running', [stuck], patience).problems).toEqual([
    'thread 0 has waited for something for 300 s',
  ])
})

test('an application that failed is not live', () => {
  expect(liveness('error', [], patience)).toMatchObject({
    ok: false,
    problems: ['a thread failed'],
  })
})

test('it is ready only while it runs: not while it restores, nor once it is to stop', () => {
  expect(readiness('running')).toEqual({ ok: true, state: 'running', problems: [] })
  for (const state of ['created', 'rebalancing', 'pending-shutdown', 'not-running'] as const) {
    const problems = [`the application is ${state}, not running`]
    expect(readiness(state)).toEqual({ ok: false, state, problems })
  }
})
