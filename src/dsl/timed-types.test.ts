import { describe, expect, expectTypeOf, test } from 'vitest'
import { json } from '../serde/json.ts'
import { string } from '../serde/string.ts'
import { windowed } from '../serde/windowed-key.ts'
import type { TopologyBuilder } from './builder.ts'
import { pattern } from './pattern.ts'
import { timestamps } from './timestamps.ts'
import { topic } from './topic.ts'
import { topology } from './topology.ts'
import { hopping, session, sliding, tumbling } from './windows.ts'

interface Placed {
  readonly type: 'placed'
  readonly atMs: number
  readonly amount: number
}
interface Failed {
  readonly type: 'failed'
  readonly atMs: number
  readonly reason: string
}
type Payment = Placed | Failed

const payments = topic('payments', { key: string, value: json<Payment>() })
const reasons = topic('reasons', { key: string, value: string })
const counts = topic('counts', { key: windowed(string, '5m'), value: json<number | null>() })

const isPlaced = (payment: Payment): payment is Placed => payment.type === 'placed'
const isFailed = (payment: Payment): payment is Failed => payment.type === 'failed'

/** Type-checked, and never run: what must not compile does nothing sensible at run time. */
const refused = (check: (builder: TopologyBuilder) => void): void => {
  expect(check).toBeTypeOf('function')
}

describe('the compiler refuses', () => {
  test('a window without a unit, or without a grace', () => {
    refused((builder) => {
      const grouped = builder.stream(payments).groupByKey()
      // @ts-expect-error -- 300 of what?
      grouped.windowedBy(tumbling(300, { grace: '1m' }))
      // @ts-expect-error -- a grace has a unit too
      grouped.windowedBy(tumbling('5m', { grace: 60 }))
      // @ts-expect-error -- no default may lose records
      grouped.windowedBy(tumbling('5m', {}))
      // @ts-expect-error -- by how much?
      grouped.windowedBy(hopping('5m', { grace: '1m' }))
      // @ts-expect-error -- nor is a gap a number
      grouped.windowedBy(session(30_000, { grace: '1m' }))
      // @ts-expect-error -- there is no such unit
      grouped.windowedBy(sliding('5 minutes', { grace: '1m' }))
      // @ts-expect-error -- nor is a silence a number
      grouped.windowedBy(tumbling('5m', { grace: '1m', emit: 'on-close', idleClose: 30 }))
      // @ts-expect-error -- there is no such moment
      grouped.windowedBy(tumbling('5m', { grace: '1m', emit: 'on-open' }))
    })
  })

  test('windowed results without a store, or in a topic of plain keys', () => {
    refused((builder) => {
      const windows = builder
        .stream(payments)
        .groupByKey()
        .windowedBy(tumbling('5m', { grace: '1m' }))
      // @ts-expect-error -- Kafka will remember the store
      windows.count()
      // @ts-expect-error -- and for how long has a unit
      windows.count({ store: 'counts', retention: 86_400 })
      const perWindow = windows.count({ store: 'counts' }).toStream()
      perWindow.to(counts)
      // @ts-expect-error -- a windowed key is no text
      perWindow.to(topic('plain', { key: string, value: json<number | null>() }))
    })
  })

  test('a timestamp that is none', () => {
    refused((builder) => {
      // @ts-expect-error -- a date as a text
      builder.stream(payments, { timestamp: ({ type }) => type })
      // @ts-expect-error -- a payment has no such field
      builder.stream(payments, { timestamp: timestamps.failOnInvalid(({ paidAt }) => paidAt) })
      // @ts-expect-error -- of other values
      builder.stream(reasons, { timestamp: timestamps.failOnInvalid((p: Payment) => p.atMs) })
    })
  })

  test('a pattern with a limit without a unit', () => {
    refused(() => {
      // @ts-expect-error -- 300 of what?
      pattern<Payment>('slow').begin('start').within(300)
      // @ts-expect-error -- nor has a gap none
      pattern<Payment>('slow').begin('start', isPlaced, { atLeast: 2, gap: 5 })
    })
  })

  test('a step of a pattern that there is not', () => {
    refused((builder) => {
      const failing = pattern<Payment>('failing')
        .begin('start', isPlaced)
        // @ts-expect-error -- there is no such step before
        .next('failure', (payment, { beginning }) => payment.atMs > beginning.atMs)
      expectTypeOf(failing).not.toBeAny()
      const failed = pattern<Payment>('failed')
        .begin('start', isPlaced)
        .next('failure', isFailed)
        .within('5m')
      const matches = builder.stream(payments).detect(failed)
      // @ts-expect-error -- there is no such step
      matches.mapValues(({ end }) => end)
      // @ts-expect-error -- an order has no reason: the predicate says which event it is
      matches.mapValues(({ start }) => start.reason)
      // @ts-expect-error -- reasons are no matches
      matches.to(reasons)
      // @ts-expect-error -- a pattern of other events
      builder.stream(reasons).detect(failed)
      matches.mapValues(({ start, failure }) => `${start.amount} ${failure.reason}`).to(reasons)
    })
  })
})

describe('types flow', () => {
  test('into extractors and out of patterns', () => {
    topology('types', (builder) => {
      const timestamp = timestamps.logAndSkipOnInvalid<string, Payment>(({ atMs }) => atMs)
      const timed = builder.stream(payments, { timestamp })
      builder.stream(reasons, { timestamp: timestamps.wallClock() }).to(reasons)
      const match = pattern<Payment>('twice')
        .begin('start', isPlaced)
        .followedBy('failures', isFailed, { times: 2 })
        .within('5m')
      const matches = timed.detect(match).mapValues(({ start, failures }) => {
        expectTypeOf(start).toEqualTypeOf<Placed>()
        expectTypeOf(failures).toEqualTypeOf<readonly Failed[]>()
        return failures.map(({ reason }) => reason).join()
      })
      matches.to(reasons)
    })
  })
})
