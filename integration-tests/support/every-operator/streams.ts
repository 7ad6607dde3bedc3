import { allOf, averageOf, lastOf, sumOf } from 'millrace'
import { add, exact, values, type Operator } from './io.ts'

export const onStreams: readonly Operator[] = [
  exact('filter', ({ numbers }) => numbers.filter((value) => value > 4)),
  exact('filterNot', ({ numbers }) => numbers.filterNot((value) => value > 4)),
  exact('map', ({ numbers }) => numbers.map((value, { key }) => [key + key, -value])),
  exact('mapValues', ({ numbers }) => numbers.mapValues((value) => value * 2)),
  exact('flatMap', ({ numbers }) =>
    numbers.flatMap((value, { key }) => [
      [key, value],
      [`${key}!`, -value],
    ]),
  ),
  exact('flatMapValues', ({ numbers }) => numbers.flatMapValues((value) => [value, -value])),
  exact('selectKey', ({ numbers }) => numbers.selectKey((value, { key }) => key + value)),
  exact('peek', ({ numbers }) => numbers.peek(() => {})),
  exact('merge', ({ numbers, others }) => numbers.merge(others)),
  exact('split', ({ numbers }) => {
    const { small, default: rest } = numbers.split({ small: (value) => value < 5 })
    return small.mapValues((value) => value * 100).merge(rest)
  }),
  values('repartition', ({ numbers }) =>
    numbers.selectKey((value, { key }) => key + value).repartition({ name: 'again' }),
  ),
  exact('toTable', ({ numbers }) => numbers.toTable({ store: 'latest' })),

  exact('count', ({ numbers }) => numbers.groupByKey().count({ store: 'count' })),
  exact('reduce', ({ numbers }) => numbers.groupByKey().reduce(add, { store: 'reduce' })),
  exact('aggregate', ({ numbers }) =>
    numbers.groupByKey().aggregate(
      () => '',
      (value, all) => `${all} ${value}`.slice(-30),
      { store: 'aggregate' },
    ),
  ),
  exact('aggregators', ({ numbers }) => {
    const mean = averageOf((value: number) => value, { last: 4 })
    const parts = allOf({ mean, sum: sumOf((value: number) => value), last: lastOf<number>() })
    return numbers.groupByKey().aggregate(parts, { store: 'aggregators' })
  }),
  values('groupBy', ({ numbers }) =>
    numbers.groupBy((value) => `digit-${value}`, { name: 'digits' }).count({ store: 'digits' }),
  ),
  exact('cogroup', ({ numbers, others }) =>
    numbers
      .groupByKey()
      .cogroup((value, sum: number) => sum + value)
      .cogroup(others.groupByKey(), (value, sum) => sum - value)
      .aggregate(() => 0, { store: 'cogroup' }),
  ),
]
