import { correlate, fixed, pattern, reject } from 'millrace'
import { add, exact, text, values, type Operator } from './io.ts'

export const patterns: readonly Operator[] = [
  exact('decide', ({ numbers }) => {
    const { events, rejected } = numbers.decide<number, number, string>(
      {
        initialState: 0,
        decide: (value, sum) => (sum + value > 30 ? reject('too much') : value),
        evolve: add,
      },
      { store: 'decided' },
    )
    return events.mapValues(String).merge(rejected.mapValues(({ reason }) => reason))
  }),
  exact('dedupe', ({ numbers }) =>
    numbers.dedupe({ by: (value) => value % 3, within: '4s', store: 'seen' }),
  ),
  exact('correlate', ({ numbers, others }) => {
    const options = { within: '3s', grace: '2s', store: 'correlated' } as const
    const found = correlate({ number: numbers, other: others }, options)
    return found
      .mapValues(({ number: left, other }) => text(left, other))
      .merge(found.timedOut.mapValues((part) => JSON.stringify(part)))
  }),
  exact('detect', ({ numbers }) =>
    numbers
      .detect(
        pattern<number>('rises')
          .begin('low', (value) => value < 4)
          .followedBy('high', (value) => value > 6)
          .within('10s'),
      )
      .mapValues(({ low, high }) => text(low, high)),
  ),
  exact('rateLimit', ({ numbers }) => {
    const rate = { records: 2, per: '4s', clock: 'event-time' } as const
    const limited = numbers.rateLimit({ name: 'rate', ...rate, overflow: 'side-output' })
    return limited.merge(limited.overflow.mapValues((value) => -1 - value))
  }),
  values('rateLimit with delay', ({ numbers }) =>
    numbers.rateLimit({ name: 'delayed', records: 50, per: '50ms', overflow: 'delay' }),
  ),
  exact('buffer', ({ numbers }) => numbers.buffer({ name: 'batches', records: 4 })),
  values('buffer for a time', ({ numbers }) =>
    numbers.buffer({ name: 'timed-batches', time: '30ms' }).flatMapValues((batch) => batch),
  ),
  values('mapValuesAsync', ({ numbers }) =>
    numbers.mapValuesAsync(async (value) => await Promise.resolve(value * 3), { name: 'call' }),
  ),
  values('retry', ({ numbers }) => {
    const tried = new Set<string>()
    const flaky = (value: number, { timestampMs }: { readonly timestampMs: number }): number => {
      const once = `${value} of ${timestampMs}`
      if (value % 3 > 0 || tried.has(once)) return value
      tried.add(once)
      throw new Error('not yet')
    }
    const retry = { attempts: 5, backoff: fixed('20ms') }
    return numbers.mapValues(flaky, { name: 'flaky', retry })
  }),
]
