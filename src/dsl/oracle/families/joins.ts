import type { TopologyBuilder } from '../../builder.ts'
import type { Table } from '../../table.ts'
import type { Families } from '../fixture.ts'
import { joinerOf, str } from '../functions.ts'
import { textTopic } from '../topics.ts'

type Text = string | null
interface Joined {
  readonly joiner: string
}

const records = textTopic<Text>('stream')
const rows = textTopic<string>('table')
const output = textTopic<Text>('out')

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

interface Lettered extends Joined {
  readonly mod: number
}

/** The key of a global row: a letter by the number in the value, for every fifth one none. */
const letterOf =
  (mod: number) =>
  (value: string): Text => {
    const number = Number(value.slice(1))
    return number % 5 === 0 ? null : ('abcd'[number % mod] ?? null)
  }

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

export const joins: Families = {
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

  'join-gt-inner': (builder, { joiner, mod }: Lettered) => {
    const table = builder.globalTable(rows, { store: 'g' })
    builder.stream(records).join(table, letterOf(mod), joinerOf(joiner)).to(output)
  },

  'join-gt-left': (builder, { joiner, mod }: Lettered) => {
    const table = builder.globalTable(rows, { store: 'g' })
    builder.stream(records).leftJoin(table, letterOf(mod), joinerOf(joiner)).to(output)
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
      left.join(right, ({ v }, name) => str(v) + sep + str(name), {
        ...byForeignKey(options),
        ...options,
      }),
    )
  },

  'join-fk-left': (builder, { sep }: Separated) => {
    const { left, right } = namingTablesOf(builder)
    both((options) =>
      left.leftJoin(right, ({ v }, name) => str(v) + sep + str(name), {
        ...byForeignKey(options),
        ...options,
      }),
    )
  },
}
