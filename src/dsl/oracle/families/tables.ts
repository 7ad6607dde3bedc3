import type { TopologyBuilder } from '../../builder.ts'
import type { Families } from '../fixture.ts'
import {
  aggregatorOf,
  burstOf,
  isDivisible,
  n,
  reducerOf,
  str,
  tail,
  type Maybe,
  type Value,
} from '../functions.ts'
import { textTopic } from '../topics.ts'

interface Mod {
  readonly mod: number
}

const input = textTopic<number>('in')
const output = textTopic<Value>('out')

interface Aggregated {
  readonly agg: string
  /** Several records of each one, of its key and another. */
  readonly burst?: number
}

function aggregated(builder: TopologyBuilder, { agg, burst }: Aggregated): void {
  const { initial, add } = aggregatorOf(agg)
  const stream = builder.stream(textTopic<Maybe>('in'))
  const records =
    burst === undefined
      ? stream
      : stream.flatMap((value, { key }) =>
          burstOf(value, burst).map((each, i) => [isDivisible(i, 2) ? key : 'z', each] as const),
        )
  records
    .groupByKey()
    .aggregate(
      () => initial,
      (value, aggregate, { key }) => add(key, value, aggregate),
      { store: 'agg' },
    )
    .toStream()
    .to(output)
}

export const tables: Families = {
  'group-count': (builder, { min }: { min: number }) => {
    builder
      .stream(textTopic<Maybe>('in'))
      .filter((value) => value === null || n(value) >= min)
      .groupByKey()
      .count({ store: 'counts' })
      .toStream()
      .to(output)
  },

  'group-reduce': (builder, { reducer }: { reducer: string }) => {
    const grouped = builder.stream(textTopic<Maybe>('in')).groupByKey()
    grouped.reduce(reducerOf(reducer), { store: 'reduced' }).toStream().to(output)
  },

  'group-aggregate': aggregated,
  'cached-aggregate': aggregated,

  'cached-same-key': (builder, { reducer, burst }: { reducer: string; burst: number }) => {
    builder
      .stream(textTopic<Maybe>('in'))
      .flatMapValues((value): readonly Maybe[] => burstOf(value, burst))
      .groupByKey()
      .reduce(reducerOf(reducer), { store: 'r' })
      .toStream()
      .to(output)
  },

  'groupby-count': (builder, { mod }: Mod) => {
    const group = (value: number | null): string | null => {
      if (value === null) return 'none'
      return isDivisible(value, mod) ? null : `g${value % mod}`
    }
    builder
      .stream(textTopic<number | null>('in'))
      .groupBy(group, { name: 'group' })
      .count({ store: 'counts' })
      .toStream()
      .to(output)
  },

  'table-tostream': (builder, { sep }: { sep: string }) => {
    const updates = builder.table(input, { store: 'm' }).toStream()
    updates.to(output)
    updates
      .selectKey((value, { key }) => str(value) + sep + key)
      .to(textTopic<number>('out-rekeyed'))
  },

  'table-filter': (builder, { mod }: Mod) => {
    const table = builder.table(input, { store: 't' })
    const isMatch = (value: number): boolean => isDivisible(value, mod)
    table.filter(isMatch).toStream().to(textTopic<number>('match'))
    table.filterNot(isMatch).toStream().to(textTopic<number>('rest'))
  },

  'table-filter-materialized': (builder, { mod }: Mod) => {
    const table = builder.table(input, { store: 't' })
    table
      .filter((value) => isDivisible(value, mod), { store: 'filtered' })
      .toStream()
      .to(output)
  },

  'table-mapvalues': (builder, { mod }: Mod) => {
    const table = builder.table(input, { store: 't' })
    table
      .mapValues((value) => (isDivisible(value, mod) ? null : value * 10))
      .toStream()
      .to(output)
    table
      .mapValues((value, { key }) => key + str(value), { store: 'mapped' })
      .toStream()
      .to(textTopic<string>('out-mapped'))
  },

  'table-groupby-count': (builder, { mod, nul }: { mod: number; nul: number }) => {
    builder
      .table(input, { store: 't' })
      .groupBy((value) => [value === nul ? null : `g${value % mod}`, value], { name: 'group' })
      .count({ store: 'counts' })
      .toStream()
      .to(output)
  },

  'table-groupby-reduce': (builder, { mod }: Mod) => {
    builder
      .table(input, { store: 't' })
      .groupBy((value) => [`g${value % mod}`, value], { name: 'group' })
      .reduce(
        (sum, value) => sum + value,
        (sum, value) => sum - value,
        { store: 'sums' },
      )
      .toStream()
      .to(output)
  },

  'table-groupby-aggregate': (builder, { skip, cut }: { skip: number; cut: number }) => {
    builder
      .table(input, { store: 't' })
      .filter((value) => value !== skip)
      .groupBy((value, { key }) => [value < cut ? 'low' : 'high', key + str(value)], {
        name: 'group',
      })
      .aggregate(
        () => '',
        (member, list) => tail(`${list}+${member}`),
        (member, list) => tail(`${list}-${member}`),
        { store: 'agg' },
      )
      .toStream()
      .to(output)
  },

  'table-groupby-null-agg': (builder, { mod }: Mod) => {
    builder
      .table(input, { store: 't' })
      .groupBy((value) => [`g${value % mod}`, value], { name: 'group' })
      .aggregate(
        () => 0,
        (_, count) => count + 1,
        (_, count) => (count === 1 ? null : count - 1),
        { store: 'agg' },
      )
      .toStream()
      .to(output)
  },

  totable: (builder, { cut }: { cut: number }) => {
    const stream = builder.stream(textTopic<number | null>('in'))
    stream.toTable({ store: 'plain' }).toStream().to(textTopic<number | null>('plain-out'))
    stream
      .selectKey((value, { key }) => {
        if (value === null) return key
        return value >= cut ? null : `k${value}`
      })
      .toTable({ store: 'rekeyed' })
      .toStream()
      .to(textTopic<number | null>('rekeyed-out'))
  },

  'table-chain': (builder, { plus, mod }: { plus: number; mod: number }) => {
    builder
      .table(input, { store: 't' })
      .mapValues((value) => value + plus)
      .filter((value) => isDivisible(value, 2))
      .mapValues((value) => value * 100)
      .groupBy((value) => [`s${value % mod}`, value], { name: 'group' })
      .reduce(
        (sum, value) => sum + value,
        (sum, value) => sum - value,
        { store: 'sums' },
      )
      .toStream()
      .to(output)
  },
}
