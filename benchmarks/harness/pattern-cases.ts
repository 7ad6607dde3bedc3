/** What is measured of each pattern: a topology that does nothing else with the same payments. */
import {
  allOf,
  averageOf,
  correlate,
  countOf,
  fixed,
  hopping,
  json,
  keyValueStore,
  pattern,
  session,
  sideOutput,
  sliding,
  string,
  sumOf,
  topic,
  tumbling,
  type Decider,
  type FixedKeyProcessor,
  type Processor,
  type Stream,
  type Table,
  type TopologyBuilder,
  type Windowed,
} from 'millrace'

export interface Payment {
  readonly paymentId: string
  readonly amount: number
}
export type Payments = Stream<string, Payment>

export const input = topic('input', { key: string, value: json<Payment>() })
/** As many as there are payments, one for each. */
export const other = topic('other', { key: string, value: json<Payment>() })
export const output = topic('output', { key: string, value: json<unknown>() })

export interface PatternCase {
  readonly build: (payments: Payments, builder: TopologyBuilder) => void
  /** A record of the other topic comes before each payment; it is not counted as a record. */
  readonly hasOther?: true
  /** Calls have to be waited for. */
  readonly isAsync?: true
}

const ofAmount = ({ amount }: Payment): number => amount
const retry = { attempts: 100, backoff: fixed('10ms') }
const limit = { name: 'limit', records: 1, clock: 'event-time' } as const

const settingTimers = (cancels: boolean): FixedKeyProcessor<string, Payment, number> => ({
  process: ({ timestampMs }, { timers }) => {
    if (cancels) timers.cancel('expire')
    timers.set('expire', timestampMs + (cancels ? 60_000 : 1_000), 'event-time')
  },
  onTimer: ({ atMs }, { forward }) => forward({ value: atMs }),
})

/** One call in a hundred fails. */
function flaky(): (payment: Payment) => Payment {
  let calls = 0
  return (payment) => {
    calls += 1
    if (calls % 100 === 0) throw new Error('not now')
    return payment
  }
}

const rare = sideOutput<string, Payment>('rare')

/** Counts the payments of each key, in a store of its own; each hundredth is told aside. */
const counting: Processor<string, Payment, string, number> = {
  process: ({ key, value }, { store, forward, sideOutput: give }) => {
    const rows = store<string, number>('seen')
    const count = (rows.get(key) ?? 0) + 1
    rows.put(key, count)
    if (count % 100 === 0) give(rare, { key, value })
    else forward({ key, value: count })
  },
}

const account: Decider<Payment, { readonly sum: number }, { readonly paid: number }> = {
  initialState: { sum: 0 },
  decide: ({ amount }) => ({ paid: amount }),
  evolve: ({ sum }, { paid }) => ({ sum: sum + paid }),
}

const twice = pattern<Payment>('twice')
  .begin('first', ({ amount }) => amount > 1)
  .followedBy('second', ({ amount }) => amount > 2)
  .within('5m')
  .skipPastLastEvent()

const threeTimes = pattern<Payment>('three-times')
  .begin('small', ({ amount }) => amount < 100)
  .timesOrMore(3)
  .consecutive()
  .next('large', ({ amount }) => amount > 100)
  .within('1m')
  .skipPastLastEvent()

const toOutput = (table: Table<string, unknown>): void => table.toStream().to(output)
const windowsToOutput = (table: Table<Windowed<string>, unknown, never>): void =>
  table
    .toStream()
    .map((value, { key }) => [key.key, value] as const)
    .to(output)

const stateless: Readonly<Record<string, PatternCase>> = {
  passthrough: { build: (payments) => payments.to(output) },
  'filter and mapValues': {
    build: (payments) =>
      payments
        .filter(({ amount }) => amount > 1)
        .mapValues(ofAmount)
        .to(output),
  },
  'dead letters, one in a hundred': {
    build: (payments) => payments.mapValues(flaky()).to(output),
  },
}

const state: Readonly<Record<string, PatternCase>> = {
  'count by key': {
    build: (payments) => toOutput(payments.groupByKey().count({ store: 'count' })),
  },
  'count by key, in memory': {
    build: (payments) => {
      const store = keyValueStore('count', {
        key: string,
        value: json<number>(),
        backend: 'memory',
      })
      toOutput(payments.groupByKey().count({ store }))
    },
  },
  'average of the last ten': {
    build: (payments) => {
      const average = averageOf(ofAmount, { last: 10 })
      toOutput(payments.groupByKey().aggregate(average, { store: 'average' }))
    },
  },
  'count, sum and average at once': {
    build: (payments) => {
      const all = { count: countOf(), sum: sumOf(ofAmount), average: averageOf(ofAmount) }
      toOutput(payments.groupByKey().aggregate(allOf(all), { store: 'all' }))
    },
  },
  'decide, an event each': {
    build: (payments) => payments.decide(account, { store: 'account' }).events.to(output),
  },
  'processor with a store and a side output': { build: counted({}) },
  'processor, rows expire after a minute': {
    build: counted({ ttl: { after: '1m', clock: 'event-time' } }),
  },
}

function counted(settings: object): PatternCase['build'] {
  const seen = keyValueStore('seen', { key: string, value: json<number>(), ...settings })
  return (payments) => {
    const all = payments.process(counting, { name: 'count', stores: [seen] })
    all.to(output)
    all.sideOutput(rare).to(output)
  }
}

const together: Readonly<Record<string, PatternCase>> = {
  'join with a table': {
    hasOther: true,
    build: (payments, builder) =>
      payments
        .join(builder.table(other, { store: 'others' }), ({ amount }, row) => amount + row.amount)
        .to(output),
  },
  'join of streams within 5m': {
    hasOther: true,
    build: (payments, builder) =>
      payments
        .join(builder.stream(other), (one, two) => one.amount + two.amount, {
          ...{ before: '5s', after: '0ms', grace: '0ms', store: 'pairs' },
        })
        .to(output),
  },
  'correlate two streams': {
    hasOther: true,
    build: (payments, builder) =>
      correlate(
        { payment: payments, other: builder.stream(other) },
        { within: '5s', grace: '0ms', store: 'cases' },
      )
        .mapValues(({ payment }) => payment.amount)
        .to(output),
  },
  'dedupe within 5m, none is double': {
    build: (payments) =>
      payments
        .dedupe({
          by: (_, { timestampMs }) => timestampMs,
          within: '5m',
          store: 'ids',
        })
        .to(output),
  },
  'detect, two in a row': {
    build: (payments) =>
      payments
        .detect(twice)
        .mapValues(({ second }) => second.amount)
        .to(output),
  },
  'detect, a loop that never ends in a match': {
    build: (payments) =>
      payments
        .detect(threeTimes)
        .mapValues(({ large }) => large.amount)
        .to(output),
  },
}

const windows: Readonly<Record<string, PatternCase>> = {
  'tumbling 5m, count': {
    build: (payments) =>
      windowsToOutput(
        payments
          .groupByKey()
          .windowedBy(tumbling('5m', { grace: '1m' }))
          .count({ store: 'windows' }),
      ),
  },
  'hopping 1h by 5m, count: twelve windows': {
    build: (payments) =>
      windowsToOutput(
        payments
          .groupByKey()
          .windowedBy(hopping('1h', { advance: '5m', grace: '1m' }))
          .count({ store: 'windows' }),
      ),
  },
  'sliding 10s, count': {
    build: (payments) =>
      windowsToOutput(
        payments
          .groupByKey()
          .windowedBy(sliding('10s', { grace: '1s' }))
          .count({ store: 'windows' }),
      ),
  },
  'session 10s, count': {
    build: (payments) =>
      windowsToOutput(
        payments
          .groupByKey()
          .windowedBy(session('10s', { grace: '1s' }))
          .count({ store: 'windows' }),
      ),
  },
}

const waiting: Readonly<Record<string, PatternCase>> = {
  'mapValuesAsync, answered at once': {
    isAsync: true,
    build: (payments) =>
      payments
        .mapValuesAsync(({ amount }) => Promise.resolve(amount), { name: 'call', concurrency: 64 })
        .to(output),
  },
  'retry, nothing fails': {
    build: (payments) => payments.mapValues(ofAmount, { name: 'step', retry }).to(output),
  },
  'retry, one in a hundred fails': {
    build: (payments) => payments.mapValues(flaky(), { name: 'step', retry }).to(output),
  },
  'rateLimit, within the limit': {
    build: (payments) =>
      payments.rateLimit({ ...limit, records: 1_000, per: '1s', overflow: 'drop' }).to(output),
  },
  'rateLimit, nine of ten dropped': {
    build: (payments) => payments.rateLimit({ ...limit, per: '100s', overflow: 'drop' }).to(output),
  },
  'rateLimit, half delayed': {
    build: (payments) => payments.rateLimit({ ...limit, per: '10s', overflow: 'delay' }).to(output),
  },
  'buffer by key, 20 records': {
    build: (payments) => payments.buffer({ name: 'buffer', records: 20 }).to(output),
  },
  'buffer by key, 20 records or 1 s': {
    build: (payments) => payments.buffer({ name: 'buffer', records: 20, time: '1s' }).to(output),
  },
  'buffer by partition, 100 records': {
    build: (payments) =>
      payments
        .buffer({ name: 'buffer', records: 100, by: 'partition' })
        .map((batch) => ['batch', batch])
        .to(output),
  },
  'timers, one set and fired': {
    build: (payments) =>
      payments.processValues(settingTimers(false), { name: 'step', timers: 'timers' }).to(output),
  },
  'timers, one cancelled and set': {
    build: (payments) =>
      payments.processValues(settingTimers(true), { name: 'step', timers: 'timers' }).to(output),
  },
}

export const patternCases: Readonly<Record<string, PatternCase>> = {
  ...stateless,
  ...state,
  ...together,
  ...windows,
  ...waiting,
}
