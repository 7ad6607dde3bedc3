import { json } from '../../../serde/json.ts'
import { string } from '../../../serde/string.ts'
import { versionedStore } from '../../../topology/versioned-store.ts'
import type { TopologyBuilder } from '../../builder.ts'
import type { Families } from '../fixture.ts'
import { isDivisible, joinerOf, n } from '../functions.ts'
import { textTopic } from '../topics.ts'

type Text = string | null
interface Kept {
  readonly historyMs: number
}
interface Joined extends Kept {
  readonly joiner: string
}
interface Waiting extends Joined {
  readonly graceMs: number
}

const records = textTopic<Text>('stream')
const output = textTopic<Text>('out')

function versionedTable<V>(builder: TopologyBuilder, topic: string, name: string, ms: number) {
  const serdes = { key: string, value: json<NonNullable<V>>() }
  return builder.table(textTopic<V>(topic), {
    store: versionedStore(name, { ...serdes, history: `${ms}ms` }),
  })
}

const tableOf = (builder: TopologyBuilder, { historyMs }: Kept) =>
  versionedTable<string>(builder, 'table', 't', historyMs)

const waiting = ({ graceMs }: Waiting) => ({ grace: `${graceMs}ms`, store: 'waiting' }) as const

export const versioned: Families = {
  'versioned-st-inner': (builder, params: Joined) => {
    const table = tableOf(builder, params)
    builder.stream(records).join(table, joinerOf(params.joiner)).to(output)
  },

  'versioned-st-inner-grace': (builder, params: Waiting) => {
    const table = tableOf(builder, params)
    builder.stream(records).join(table, joinerOf(params.joiner), waiting(params)).to(output)
  },

  'versioned-st-left-grace': (builder, params: Waiting) => {
    const table = tableOf(builder, params)
    builder
      .stream(records)
      .filter((_, { key }) => key !== null)
      .leftJoin(table, joinerOf(params.joiner), waiting(params))
      .to(output)
  },

  'versioned-tt-outer': (builder, { historyMs, joiner }: Joined) => {
    const left = versionedTable<string>(builder, 'left', 'l', historyMs)
    const right = versionedTable<string>(builder, 'right', 'r', historyMs)
    left.toStream().to(textTopic<Text>('left-out'))
    left.outerJoin(right, joinerOf(joiner)).toStream().to(output)
  },

  'versioned-groupby': (builder, { historyMs, mod }: Kept & { readonly mod: number }) => {
    const table = versionedTable<number>(builder, 'in', 't', historyMs)
    table
      .filter((value) => isDivisible(value, 2))
      .toStream()
      .to(textTopic<number | null>('even'))
    table
      .groupBy((value) => [`g${n(value) % mod}`, value], { name: 'group' })
      .reduce(
        (sum, value) => sum + value,
        (sum, value) => sum - value,
        { store: 'sums' },
      )
      .toStream()
      .to(textTopic<number | null>('out'))
  },
}
