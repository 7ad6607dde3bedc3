import type { Meta } from '../../core/record.ts'
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
})
