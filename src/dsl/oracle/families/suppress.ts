import type { Duration } from '../../../core/duration.ts'
import type { TopologyBuilder } from '../../builder.ts'
import { untilTimeLimit, untilWindowCloses } from '../../suppression.ts'
import { hopping, session, tumbling } from '../../windows.ts'
import type { Families } from '../fixture.ts'
import { aggregatorOf, isDivisible, type Maybe, type Value } from '../functions.ts'
import { textTopic, windowedTopic } from '../topics.ts'

const ms = (value: number): Duration => `${value}ms`
const output = windowedTopic<Value | null>('out')
const grouped = (builder: TopologyBuilder) => builder.stream(textTopic<Maybe>('in')).groupByKey()

interface Held {
  readonly limitMs: number
  readonly max: number
}

const untilLimit = ({ limitMs, max }: Held) =>
  untilTimeLimit(ms(limitMs), { records: max, whenFull: 'emit-early' })

export const suppressions: Families = {
  'suppress-window-close': (
    builder,
    { sizeMs, advanceMs, graceMs }: { sizeMs: number; advanceMs: number; graceMs: number },
  ) => {
    grouped(builder)
      .windowedBy(hopping(ms(sizeMs), { advance: ms(advanceMs), grace: ms(graceMs) }))
      .count({ store: 'w' })
      .suppress(untilWindowCloses(), { store: 'held' })
      .toStream()
      .to(output)
  },

  'suppress-session-close': (
    builder,
    { gapMs, graceMs, agg }: { gapMs: number; graceMs: number; agg: string },
  ) => {
    const { initial, add, merge } = aggregatorOf(agg)
    grouped(builder)
      .windowedBy(session(ms(gapMs), { grace: ms(graceMs) }))
      .aggregate(
        () => initial,
        (value, aggregate: Value, { key }) => add(key, value, aggregate),
        merge,
        { store: 'w' },
      )
      .suppress(untilWindowCloses(), { store: 'held' })
      .toStream()
      .to(output)
  },

  'suppress-timelimit-table': (builder, { mod, ...held }: Held & { mod: number }) => {
    builder
      .table(textTopic<number>('in'), { store: 't' })
      .filter((value) => !isDivisible(value, mod))
      .suppress(untilLimit(held), { store: 'held' })
      .toStream()
      .to(textTopic<Maybe>('out'))
  },

  'suppress-timelimit-windowed': (
    builder,
    { sizeMs, graceMs, ...held }: Held & { sizeMs: number; graceMs: number },
  ) => {
    grouped(builder)
      .windowedBy(tumbling(ms(sizeMs), { grace: ms(graceMs) }))
      .count({ store: 'w' })
      .suppress(untilLimit(held), { store: 'held' })
      .toStream()
      .to(output)
  },
}
