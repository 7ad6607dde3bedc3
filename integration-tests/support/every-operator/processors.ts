import {
  json,
  keyValueStore,
  sideOutput,
  string,
  type FixedKeyProcessor,
  type Processor,
  type TimerClock,
} from 'millrace'
import { exact, set, values, type Operator } from './io.ts'

const odd = sideOutput<string, number>('odd')
const sort: Processor<string, number, string, number> = {
  process: (record, { forward, sideOutput: give }) =>
    record.value % 2 === 0 ? forward(record) : give(odd, record),
}
/** Holds values back until the next punctuation. Where those begin after a restart is open. */
const holding: FixedKeyProcessor<string, number, number> = {
  init: ({ schedule, store, forward }) => {
    schedule('5s', 'stream-time', () => {
      const rows = store<string, readonly number[]>('punctuated')
      for (const [key, held] of [...rows.all()]) {
        for (const value of held) forward({ key, value })
        rows.delete(key)
      }
    })
  },
  process: ({ key, value }, { store }) => {
    const rows = store<string, readonly number[]>('punctuated')
    rows.put(key, [...(rows.get(key) ?? []), value])
  },
}
const reminders = (clock: TimerClock): FixedKeyProcessor<string, number, string> => ({
  process: ({ value, timestampMs }, { timers, wallClockMs }) => {
    const atMs = clock === 'event-time' ? timestampMs + 4_000 : wallClockMs + 50
    timers.set(`${value} of ${timestampMs}`, atMs, clock)
  },
  onTimer: ({ name }, { forward }) => {
    forward({ value: name })
  },
})

export const withProcessors: readonly Operator[] = [
  exact('process', ({ numbers }) => {
    const even = numbers.process(sort, { name: 'sort', stores: [] })
    return even.mapValues((value) => value * 100).merge(even.sideOutput(odd))
  }),
  values('stream-time punctuation', ({ builder, numbers }) => {
    const serdes = { key: string, value: json<readonly number[]>() }
    builder.addStateStore(keyValueStore('punctuated', serdes))
    return numbers.processValues(holding, { name: 'holding', stores: ['punctuated'] })
  }),
  exact('timers in event time', ({ numbers }) =>
    numbers.processValues(reminders('event-time'), { name: 'remind', timers: 'remind' }),
  ),
  set('timers by the wall clock', ({ numbers }) =>
    numbers.processValues(reminders('wall-clock'), { name: 'wake', timers: 'wake' }),
  ),
]
