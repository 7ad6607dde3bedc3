import type { Meta } from '../../core/record.ts'
import type { TopologyBuilder } from '../builder.ts'
import type { Table } from '../table.ts'
import { followsKafkaStreams, str, textTopic } from './follows-kafka-streams.contract.ts'

type Text = string | null
type Value = Text | number
type Joiner = (left: Value, right: Value, meta: Meta<Text>) => Text
interface Joined {
  readonly joiner: string
}

const records = textTopic<Text>('stream')
const rows = textTopic<string>('table')
const output = textTopic<Text>('out')

const joiners: Record<string, Joiner> = {
  plus: (left, right) => `${str(left)}+${str(right)}`,
  paren: (left, right) => `(${str(left)},${str(right)})`,
  keyed: (left, right, { key }) => `${str(key)}:${str(left)}~${str(right)}`,
  nullable: (left, right) =>
    str(left).at(-1) === str(right).at(-1) ? null : `${str(left)}+${str(right)}`,
}

const joinerOf = (name: string): Joiner => {
  const joiner = joiners[name]
  if (joiner === undefined) throw new Error(`no joiner ${name}`)
  return joiner
}

const tablesOf = (builder: TopologyBuilder) => ({
  left: builder.table(textTopic<string>('left'), { store: 'l' }),
  right: builder.table(textTopic<string>('right'), { store: 'r' }),
})

interface Naming {
  readonly fk: Text
  readonly v: number
}
interface Separated {
  readonly sep: string
}

const namingTablesOf = (builder: TopologyBuilder) => ({
  left: builder.table(textTopic<Naming>('left'), { store: 'l' }),
  right: builder.table(textTopic<string>('right'), { store: 'r' }),
})

const byForeignKey = ({ store = 'passing' }: { readonly store?: string }) => ({
  foreignKey: ({ fk }: Naming): Text => fk,
  name: `by-foreign-key-${store}`,
})

/** The join twice: computed on the way, and kept. */
const both = (
  join: (options: { readonly store?: string }) => Table<string, string, string>,
): void => {
  join({}).toStream().to(output)
  join({ store: 'j' }).toStream().to(textTopic<Text>('out-stored'))
}

const countLengths = (table: Table<string, string, string>): void =>
  table
    .groupBy((value) => [`n${value.length}`, 1], { name: 'by-length' })
    .count({ store: 'n' })
    .toStream()
    .to(textTopic<number>('lengths'))

followsKafkaStreams({
  'join-st-inner': (builder, { joiner }: Joined) => {
    const table = builder.table(rows, { store: 't' })
    builder.stream(records).join(table, joinerOf(joiner)).to(output)
  },

  'join-st-left': (builder, { joiner }: Joined) => {
    const table = builder.table(rows, { store: 't' })
    builder.stream(records).leftJoin(table, joinerOf(joiner)).to(output)
  },

  'join-st-rekeyed': (builder, { joiner, mod }: Joined & { readonly mod: number }) => {
    const counts = builder.stream(rows).groupByKey().count({ store: 'c' })
    builder
      .stream(records)
      .selectKey((value, { key }) => {
        if (value === null) return key
        return Number(value.slice(1)) % mod === 0 ? null : key
      })
      .leftJoin(counts, joinerOf(joiner), { name: 'by-number' })
      .to(output)
  },

  'join-tt-inner': (builder, { joiner }: Joined) => {
    const { left, right } = tablesOf(builder)
    both((options) => left.join(right, joinerOf(joiner), options))
  },

  'join-tt-left': (builder, { joiner }: Joined) => {
    const { left, right } = tablesOf(builder)
    both((options) => left.leftJoin(right, joinerOf(joiner), options))
  },

  'join-tt-outer': (builder, { joiner }: Joined) => {
    const { left, right } = tablesOf(builder)
    both((options) => left.outerJoin(right, joinerOf(joiner), options))
  },

  'join-tt-chain': (builder, { joiner }: Joined) => {
    const left = builder.table(textTopic<string>('left'), { store: 'a' })
    const right = builder.table(textTopic<string>('right'), { store: 'b' })
    const third = builder.table(textTopic<string>('third'), { store: 'c' })
    const join = joinerOf(joiner)
    const joined = left.leftJoin(right, join).outerJoin(third, join)
    joined.toStream().to(output)
    countLengths(joined)
  },

  'cached-table-join': (builder, { joiner }: Joined) => {
    const { left, right } = tablesOf(builder)
    const joined = left.outerJoin(right, joinerOf(joiner), { store: 'j' })
    joined.toStream().to(output)
    countLengths(joined)
  },

  'join-fk-inner': (builder, { sep }: Separated) => {
    const { left, right } = namingTablesOf(builder)
    both((options) =>
      left.join(right, ({ v }, name) => v + sep + name, { ...byForeignKey(options), ...options }),
    )
  },

  'join-fk-left': (builder, { sep }: Separated) => {
    const { left, right } = namingTablesOf(builder)
    both((options) =>
      left.leftJoin(right, ({ v }, name) => v + sep + name, {
        ...byForeignKey(options),
        ...options,
      }),
    )
  },
})
