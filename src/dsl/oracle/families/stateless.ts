import type { Families } from '../fixture.ts'
import { aggregatorOf, str, type Value } from '../functions.ts'
import { textTopic } from '../topics.ts'

type MaybeNumber = number | null
const input = textTopic<MaybeNumber>('in')
const output = textTopic<MaybeNumber>('out')
const texts = textTopic<string | null>('out')

export const stateless: Families = {
  'filter-filternot': (builder, { mod, rem }: { mod: number; rem: number }) => {
    const stream = builder.stream(input)
    const isMatch = (value: MaybeNumber): boolean =>
      value !== null && value >= 0 && value % mod === rem
    stream.filter(isMatch).to(textTopic<MaybeNumber>('match'))
    stream.filterNot(isMatch).to(textTopic<MaybeNumber>('rest'))
  },

  map: (builder, { suffix, factor }: { suffix: string; factor: number }) => {
    builder
      .stream(input)
      .map((value, { key }) => [
        key === null ? 'nil' : key + suffix,
        value === null ? null : value * factor,
      ])
      .to(output)
  },

  'mapvalues-peek': (builder, { plus, sep }: { plus: number; sep: string }) => {
    builder
      .stream(input)
      .mapValues((value) => (value === null ? null : value + plus))
      .peek(() => {})
      .mapValues((value, { key }) => str(key) + sep + str(value))
      .to(texts)
  },

  flatmap: (builder, { mod }: { mod: number }) => {
    builder
      .stream(input)
      .flatMap(function* (value, meta) {
        const count = value === null || value < 0 ? 0 : value % mod
        for (let i = 0; i < count; i++) yield [`${str(meta.key)}-${i}`, (value ?? 0) + i] as const
      })
      .to(output)
  },

  flatmapvalues: (builder, { max }: { max: number }) => {
    builder
      .stream(textTopic<string | null>('in'))
      .flatMapValues((value, { key }) => {
        const words = value?.split(' ').filter((word) => word !== '')
        return words?.slice(0, max).map((word) => `${word}@${str(key)}`) ?? [null]
      })
      .to(texts)
  },

  selectkey: (builder, { mod }: { mod: number }) => {
    builder
      .stream(input)
      .selectKey((value) => (value === null || value % mod === 0 ? null : `k${value % mod}`))
      .to(output)
  },

  merge: (builder, { tag }: { tag: string }) => {
    builder
      .stream(textTopic<MaybeNumber>('x'))
      .mapValues((value) => tag + str(value))
      .merge(builder.stream(textTopic<MaybeNumber>('y')))
      .merge(builder.stream(textTopic<MaybeNumber>('z')).filter((value) => value !== null))
      .to(textTopic<string | MaybeNumber>('out'))
  },

  'split-default': (builder, { a, b }: { a: number; b: number }) => {
    const branches = builder.stream(input).split({
      small: (value) => value !== null && value < a,
      medium: (value) => value !== null && value < b,
    })
    branches.small.to(textTopic<MaybeNumber>('small'))
    branches.medium.to(textTopic<MaybeNumber>('medium'))
    branches.default.to(textTopic<MaybeNumber>('rest'))
  },

  'split-dead-ends': (builder, { factor, min }: { factor: number; min: number }) => {
    const { even, big } = builder.stream(input).split({
      none: (value) => value === null,
      even: (value) => (value ?? 1) % 2 === 0,
      big: (value) => value !== null && value > min,
    })
    even.mapValues((value) => (value ?? 0) * factor).to(textTopic<number>('even'))
    big.to(textTopic<MaybeNumber>('big'))
  },

  'timestamp-extractor': (builder, { shift }: { shift: number }) => {
    const timed = textTopic<{ t: number; v: number } | null>('in')
    const values = builder
      .stream(timed, {
        timestamp: (value, meta) => (value === null ? meta.timestampMs : value.t + shift),
      })
      .mapValues((value) => value?.v ?? null)
    values.to(output)
    values.groupByKey().count({ store: 'counts' }).toStream().to(textTopic<number>('counts-out'))
  },

  repartition: (builder, { mod, agg }: { mod: number; agg: string }) => {
    const { initial, add } = aggregatorOf(agg)
    const repartitioned = builder
      .stream(input)
      .selectKey((value, { key }) => {
        if (value === null) return key
        return value < 0 ? null : `p${value % mod}`
      })
      .repartition({ name: 'rp', partitions: 1 })
    repartitioned.to(output)
    repartitioned
      .groupByKey()
      .aggregate(
        () => initial,
        (value, aggregate, { key }) => add(key, value, aggregate),
        { store: 'agg' },
      )
      .toStream()
      .to(textTopic<Value>('agg-out'))
  },
}
