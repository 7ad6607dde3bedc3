import {
  hopping,
  session,
  sliding,
  tumbling,
  unlimited,
  untilTimeLimit,
  untilWindowCloses,
} from 'millrace'
import { add, exact, values, type Operator } from './io.ts'

const closing = { grace: '2s', emit: 'on-close', emitInterval: '0ms' } as const
const kept = { retention: '1d' } as const

export const onWindows: readonly Operator[] = [
  exact('tumbling windows', ({ numbers }) =>
    numbers
      .groupByKey()
      .windowedBy(tumbling('5s', { grace: '2s' }))
      .count({ store: 'tumbling' }),
  ),
  exact('hopping windows', ({ numbers }) =>
    numbers
      .groupByKey()
      .windowedBy(hopping('6s', { advance: '2s', grace: '2s' }))
      .reduce(add, { store: 'hopping' }),
  ),
  exact('sliding windows', ({ numbers }) =>
    numbers
      .groupByKey()
      .windowedBy(sliding('3s', { grace: '2s' }))
      .reduce(add, { store: 'sliding' }),
  ),
  exact('session windows', ({ numbers }) =>
    numbers
      .groupByKey()
      .windowedBy(session('2s', { grace: '2s' }))
      .count({ store: 'sessions' }),
  ),
  exact('unlimited windows', ({ numbers }) =>
    numbers.groupByKey().windowedBy(unlimited()).count({ store: 'unlimited' }),
  ),
  exact('tumbling windows that have closed', ({ numbers }) =>
    numbers
      .groupByKey()
      .windowedBy(tumbling('5s', closing))
      .count({ store: 'tumbling-closed', ...kept }),
  ),
  exact('sliding windows that have closed', ({ numbers }) =>
    numbers
      .groupByKey()
      .windowedBy(sliding('3s', closing))
      .count({ store: 'sliding-closed', ...kept }),
  ),
  exact('sessions that have closed', ({ numbers }) =>
    numbers
      .groupByKey()
      .windowedBy(session('2s', closing))
      .count({ store: 'sessions-closed', ...kept }),
  ),
  values('windows that the wall clock closes', ({ numbers }) =>
    numbers
      .groupByKey()
      .windowedBy(tumbling('5s', { grace: '2s', emit: 'on-close', idleClose: '1500ms' }))
      .count({ store: 'idle-closed', ...kept }),
  ),
  exact('cogroup over windows', ({ numbers, others }) =>
    numbers
      .groupByKey()
      .cogroup((value, sum: number) => sum + value)
      .cogroup(others.groupByKey(), (value, sum) => sum - value)
      .windowedBy(tumbling('5s', { grace: '2s' }))
      .aggregate(() => 0, { store: 'cogroup-windows' }),
  ),
  exact('suppress until windows close', ({ numbers }) =>
    numbers
      .groupByKey()
      .windowedBy(session('2s', { grace: '2s' }))
      .count({ store: 'held' })
      .suppress(untilWindowCloses(), { store: 'held-until-closed' }),
  ),
  exact('suppress for a time', ({ prices }) =>
    prices.suppress(untilTimeLimit('6s', { records: 3 }), { store: 'held-for-a-time' }),
  ),
]
