import type { Duration } from '../../../core/duration.ts'
import type { TopologyBuilder } from '../../builder.ts'
import type { Stream } from '../../stream.ts'
import type { Families, Family } from '../fixture.ts'
import { joinerOf } from '../functions.ts'
import { textTopic } from '../topics.ts'

type Text = string | null
type Texts = Stream<Text, Text, string>

interface JoinParams {
  readonly beforeMs: number
  readonly afterMs: number
  readonly graceMs: number
  readonly joiner: string
  readonly emitIntervalMs?: number
}

const ms = (value: number): Duration => `${value}ms`

const output = textTopic<Text>('out')

const optionsOf = ({ beforeMs, afterMs, graceMs, emitIntervalMs = 0 }: JoinParams) => ({
  before: ms(beforeMs),
  after: ms(afterMs),
  grace: ms(graceMs),
  store: 'join',
  emitInterval: ms(emitIntervalMs),
})

type Join = (left: Texts, right: Texts, params: JoinParams) => Texts

const inner: Join = (left, right, params) =>
  left.join(right, joinerOf(params.joiner), optionsOf(params))

const left: Join = (stream, other, params) =>
  stream.leftJoin(other, joinerOf(params.joiner), optionsOf(params))

const outer: Join = (stream, other, params) =>
  stream.outerJoin(other, joinerOf(params.joiner), optionsOf(params))

const sidesOf = (builder: TopologyBuilder): readonly [left: Texts, right: Texts] => [
  builder.stream(textTopic<Text>('left')),
  builder.stream(textTopic<Text>('right')),
]

const family =
  (join: Join): Family =>
  (builder: TopologyBuilder, params: JoinParams) =>
    join(...sidesOf(builder), params).to(output)

/** Of the values, a letter and a number; NaN for null and for what is no such value. */
const numberOf = (value: Text): number => Number(value === null ? Number.NaN : value.slice(1))

const rekeyed = (stream: Texts, mod: number) =>
  stream.selectKey((value): Text => {
    const rest = numberOf(value) % mod
    return value === null || rest === 0 ? null : `k${rest}`
  })

export const streamJoins: Families = {
  'join-ss-inner': family(inner),
  'join-ss-inner-asym': family(inner),
  'join-ss-left': family(left),
  'join-ss-left-asym': family(left),
  'join-ss-left-throttled': family(left),
  'join-ss-outer': family(outer),
  'join-ss-outer-asym': family(outer),
  'join-ss-zero': family(outer),

  'join-ss-self': (builder, params: JoinParams) => {
    const stream = builder.stream(textTopic<Text>('in'))
    inner(stream, stream, params).to(output)
  },

  'join-ss-self-outer': (
    builder,
    params: JoinParams & { readonly x: number; readonly y: number },
  ) => {
    const stream = builder.stream(textTopic<Text>('in'))
    const without = (rest: number): Texts =>
      stream.filter((value) => !Number.isNaN(numberOf(value)) && numberOf(value) % 3 !== rest)
    const [x, y] = [without(params.x), without(params.y)]
    outer(x, y, params).to(output)
  },

  'join-ss-rekeyed': (builder, params: JoinParams & { readonly mod: number }) => {
    const [one, other] = sidesOf(builder)
    inner(rekeyed(one, params.mod), rekeyed(other, params.mod), params).to(output)
  },
}
