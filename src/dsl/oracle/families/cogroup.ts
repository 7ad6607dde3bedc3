import type { Duration } from '../../../core/duration.ts'
import type { TopologyBuilder } from '../../builder.ts'
import { session, sliding, tumbling } from '../../windows.ts'
import type { Families } from '../fixture.ts'
import { str, tail, type Maybe } from '../functions.ts'
import { textTopic, windowedTopic } from '../topics.ts'

interface Tags {
  readonly tx: string
  readonly ty: string
}

const ms = (value: number): Duration => `${value}ms`
const output = windowedTopic<string | null>('out')
const nothing = (): string => ''
const store = { store: 'cg' }

/** Both streams write into one text, each with a letter of its own. */
function cogrouped(builder: TopologyBuilder, { tx, ty }: Tags) {
  const adding = (tag: string) => (value: Maybe, text: string) =>
    tail(`${text}${tag}${str(value)};`)
  const grouped = (name: string) => builder.stream(textTopic<Maybe>(name)).groupByKey()
  return grouped('x').cogroup(adding(tx)).cogroup(grouped('y'), adding(ty))
}

export const cogroups: Families = {
  cogroup: (builder, tags: Tags) => {
    cogrouped(builder, tags)
      .aggregate(nothing, store)
      .toStream()
      .to(textTopic<string | null>('out'))
  },

  'cogroup-windowed': (
    builder,
    { sizeMs, graceMs, ...tags }: Tags & { sizeMs: number; graceMs: number },
  ) => {
    cogrouped(builder, tags)
      .windowedBy(tumbling(ms(sizeMs), { grace: ms(graceMs) }))
      .aggregate(nothing, store)
      .toStream()
      .to(output)
  },

  'cogroup-sliding': (
    builder,
    { diffMs, graceMs, ...tags }: Tags & { diffMs: number; graceMs: number },
  ) => {
    cogrouped(builder, tags)
      .windowedBy(sliding(ms(diffMs), { grace: ms(graceMs) }))
      .aggregate(nothing, store)
      .toStream()
      .to(output)
  },

  'cogroup-session': (
    builder,
    { gapMs, graceMs, ...tags }: Tags & { gapMs: number; graceMs: number },
  ) => {
    cogrouped(builder, tags)
      .windowedBy(session(ms(gapMs), { grace: ms(graceMs) }))
      .aggregate(nothing, (left, right) => tail(`${left}&${right}`), store)
      .toStream()
      .to(output)
  },
}
