/** Every kind of window over one stream, results at once or on close, and what was too late. */
import {
  hopping,
  json,
  session,
  sessionWindowed,
  sliding,
  string,
  timestamps,
  topic,
  topology,
  tumbling,
  windowed,
} from 'millrace'

export interface Reading {
  readonly atMs: number
  readonly amount: number
}

const sums = json<number | null>()

export const readings = topic('windows.readings', { key: string, value: json<Reading>() })
export const late = topic('windows.late', { key: string, value: json<Reading>() })
export const outputs = {
  tumbling: topic('windows.tumbling', { key: windowed(string, '4s'), value: sums }),
  hopping: topic('windows.hopping', { key: windowed(string, '6s'), value: sums }),
  sliding: topic('windows.sliding', { key: windowed(string, '1s'), value: sums }),
  session: topic('windows.session', { key: sessionWindowed(string), value: sums }),
} as const

const grace = '1s'
const zero = (): number => 0
const add = ({ amount }: Reading, sum: number): number => sum + amount
const merge = (left: number, right: number): number => left + right

export default topology('windows', (builder) => {
  const timestamp = timestamps.failOnInvalid(({ atMs }: Reading) => atMs)
  const byKey = builder.stream(readings, { timestamp }).groupByKey()
  byKey
    .windowedBy(tumbling('4s', { grace, emit: 'on-close', idleClose: '5s', late }))
    .aggregate(zero, add, { store: 'tumbling', retention: '1h' })
    .toStream()
    .to(outputs.tumbling)
  byKey
    .windowedBy(hopping('6s', { advance: '2s', grace }))
    .aggregate(zero, add, { store: 'hopping' })
    .toStream()
    .to(outputs.hopping)
  byKey
    .windowedBy(sliding('1s', { grace }))
    .aggregate(zero, add, { store: 'sliding' })
    .toStream()
    .to(outputs.sliding)
  byKey
    .windowedBy(session('500ms', { grace }))
    .aggregate(zero, add, merge, { store: 'session' })
    .toStream()
    .to(outputs.session)
})
