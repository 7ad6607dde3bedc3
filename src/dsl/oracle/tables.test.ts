import type { TopologyBuilder } from '../builder.ts'
import { followsKafkaStreams, str, textTopic } from './follows-kafka-streams.contract.ts'

type Maybe = number | null
type Aggregator = (value: number, aggregate: string | number) => string | number | null
interface Mod {
  readonly mod: number
}

const input = textTopic<number>('in')
const output = textTopic<string | number>('out')

const divisible = (value: number, by: number): boolean => value % by === 0
const lastOf = (text: string): string => text.slice(-40)

const reducers: Record<string, (aggregate: number, value: number) => Maybe> = {
  sum: (aggregate, value) => aggregate + value,
  sumDrop5: (aggregate, value) => (divisible(aggregate + value, 5) ? null : aggregate + value),
}

const aggregators: Record<string, readonly [string | number, Aggregator]> = {
  aggDrop: ['', (value, list) => (divisible(value, 4) ? null : `${list}${value};`)],
  aggSum: [0, (value, sum) => Number(sum) + value],
}

function aggregated(builder: TopologyBuilder, agg: string, burst?: number): void {
  const [initial, add] = aggregators[agg] ?? []
  if (initial === undefined || add === undefined) throw new Error(`no aggregator ${agg}`)
  const stream = builder.stream(input)
  const records =
    burst === undefined
      ? stream
      : stream.flatMap((value, { key }) =>
          Array.from(
            { length: burstOf(value, burst) },
            (_, i) => [divisible(i, 2) ? key : 'z', value + i] as const,
          ),
        )
  records
    .groupByKey()
    .aggregate(() => initial, add, { store: 'agg' })
    .toStream()
    .to(output)
}

const burstOf = (value: Maybe, burst: number): number => Math.max(0, (value ?? 0) % burst)

const reducerOf = (name: string) => reducers[name] ?? (() => null)

followsKafkaStreams({
  'group-count': (builder, { min }: { min: number }) => {
    builder
      .stream(textTopic<Maybe>('in'))
      .filter((value) => value === null || value >= min)
      .groupByKey()
      .count({ store: 'counts' })
      .toStream()
      .to(output)
  },

  'group-reduce': (builder, { reducer }: { reducer: string }) => {
    const grouped = builder.stream(input).groupByKey()
    grouped.reduce(reducerOf(reducer), { store: 'reduced' }).toStream().to(output)
  },

  'group-aggregate': (builder, { agg }: { agg: string }) => aggregated(builder, agg),
  'cached-aggregate': (builder, { agg, burst }: { agg: string; burst: number }) =>
    aggregated(builder, agg, burst),

  'cached-same-key': (builder, { reducer, burst }: { reducer: string; burst: number }) => {
    builder
      .stream(input)
      .flatMapValues((value) => Array.from({ length: burstOf(value, burst) }, (_, i) => value + i))
      .groupByKey()
      .reduce(reducerOf(reducer), { store: 'r' })
      .toStream()
      .to(output)
  },

  'groupby-count': (builder, { mod }: Mod) => {
    const group = (value: Maybe): string | null => {
      if (value === null) return 'none'
      return divisible(value, mod) ? null : `g${value % mod}`
    }
    builder
      .stream(textTopic<Maybe>('in'))
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
    const isMatch = (value: number): boolean => divisible(value, mod)
    table.filter(isMatch).toStream().to(textTopic<number>('match'))
    table.filterNot(isMatch).toStream().to(textTopic<number>('rest'))
  },

  'table-filter-materialized': (builder, { mod }: Mod) => {
    const table = builder.table(input, { store: 't' })
    table
      .filter((value) => divisible(value, mod), { store: 'filtered' })
      .toStream()
      .to(output)
  },

  'table-mapvalues': (builder, { mod }: Mod) => {
    const table = builder.table(input, { store: 't' })
    table
      .mapValues((value) => (divisible(value, mod) ? null : value * 10))
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
        (member, list) => lastOf(`${list}+${member}`),
        (member, list) => lastOf(`${list}-${member}`),
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
    const stream = builder.stream(textTopic<Maybe>('in'))
    stream.toTable({ store: 'plain' }).toStream().to(textTopic<Maybe>('plain-out'))
    stream
      .selectKey((value, { key }) => {
        if (value === null) return key
        return value >= cut ? null : `k${value}`
      })
      .toTable({ store: 'rekeyed' })
      .toStream()
      .to(textTopic<Maybe>('rekeyed-out'))
  },

  'table-chain': (builder, { plus, mod }: { plus: number; mod: number }) => {
    builder
      .table(input, { store: 't' })
      .mapValues((value) => value + plus)
      .filter((value) => divisible(value, 2))
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
})
