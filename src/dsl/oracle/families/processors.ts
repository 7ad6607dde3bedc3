import { json } from '../../../serde/json.ts'
import { string } from '../../../serde/string.ts'
import type { FixedKeyProcessor } from '../../../topology/fixed-key-processor.ts'
import { keyValueStore } from '../../../topology/key-value-store.ts'
import type { Processor, PunctuationType } from '../../../topology/processor.ts'
import { windowStore } from '../../../topology/window-store.ts'
import type { TopologyBuilder } from '../../builder.ts'
import { sideOutput } from '../../side-output.ts'
import type { Families } from '../fixture.ts'
import { str } from '../functions.ts'
import { textTopic } from '../topics.ts'

type Key = string | null
type Maybe = number | null

const input = textTopic<Maybe>('in')
const storeOf = <V>(name: string) => keyValueStore(name, { key: string, value: json<V>() })

interface Best {
  readonly old: Maybe
  readonly new: number
}
interface Counted {
  readonly n: number
  readonly at: number
}
interface Seen {
  readonly v: number
  readonly ts: number
}

/** Counts each key and gives the counts away, in key order, at every beat. */
function punctuated(builder: TopologyBuilder, intervalMs: number, type: PunctuationType): void {
  const counter = (): Processor<Key, Maybe, string, Counted> => ({
    init: ({ store, schedule, forward }) => {
      const counts = store<string, number>('counts')
      schedule(`${intervalMs}ms`, type, (at) => {
        const entries = [...counts.all()]
        for (const [key, n] of entries) forward({ key, value: { n, at } })
        for (const [key] of entries) counts.delete(key)
      })
    },
    process: ({ key }, { store }) => {
      const counts = store<string, number>('counts')
      if (key !== null) counts.put(key, (counts.get(key) ?? 0) + 1)
    },
  })
  builder
    .stream(input)
    .process(counter, { name: 'counter', stores: [storeOf<number>('counts')] })
    .to(textTopic<Counted>('out'))
}

export const processors: Families = {
  'proc-state': (builder, { slack }: { slack: number }) => {
    const max: Processor<Key, Maybe, string, Best | null> = {
      process: ({ key, value }, { store, forward }) => {
        if (key === null || value === null) return
        const best = store<string, number>('best')
        const old = best.get(key)
        if (old === undefined || value > old + slack) {
          best.put(key, value)
          forward({ key, value: { old: old ?? null, new: value } })
        }
        if (value < 0 && old !== undefined) {
          best.delete(key)
          forward({ key, value: null })
        }
      },
    }
    builder.addStateStore(storeOf<number>('best'))
    builder
      .stream(input)
      .process(max, { name: 'max', stores: ['best'] })
      .to(textTopic<Best | null>('out'))
  },

  'proc-children': (builder, { shift, limit }: { shift: number; limit: number }) => {
    type Value = string | number
    const even = sideOutput<Key, Value>('even')
    const odd = sideOutput<Key, Value>('odd')
    const route: Processor<Key, Maybe, never, never> = {
      process: ({ key, value, timestampMs }, { sideOutput: give }) => {
        const giveAll = (each: Value): void => {
          give(even, { key, value: each })
          give(odd, { key, value: each })
        }
        if (value === null) giveAll('none')
        else if (value % 2 === 0) give(even, { key, value })
        else give(odd, { key, value, timestampMs: timestampMs + shift })
        if (value !== null && value > limit) giveAll('big')
      },
    }
    const routed = builder.stream(input).process(route, { name: 'route' })
    routed.sideOutput(even).to(textTopic<Value>('even'))
    routed.sideOutput(odd).to(textTopic<Value>('odd'))
  },

  'proc-punctuate-stream': (builder, { intervalMs }: { intervalMs: number }) =>
    punctuated(builder, intervalMs, 'stream-time'),

  'proc-punctuate-wall': (builder, { intervalMs }: { intervalMs: number }) =>
    punctuated(builder, intervalMs, 'wall-clock'),

  'proc-ttl': (builder, { intervalMs, ttlMs }: { intervalMs: number; ttlMs: number }) => {
    const expiring = (): Processor<Key, Maybe, string, Maybe> => ({
      init: ({ store, schedule, forward }) => {
        const seen = store<string, Seen>('seen')
        schedule(`${intervalMs}ms`, 'stream-time', (nowMs) => {
          const expired = [...seen.all()].filter(([, { ts }]) => ts + ttlMs <= nowMs)
          for (const [key] of expired) {
            seen.delete(key)
            forward({ key, value: null })
          }
        })
      },
      process: ({ key, value, timestampMs }, { store, forward }) => {
        if (key === null) return
        const seen = store<string, Seen>('seen')
        const old = seen.get(key)
        if (value === null) {
          if (old === undefined) return
          seen.delete(key)
        } else {
          seen.put(key, { v: value, ts: Math.max(timestampMs, old?.ts ?? timestampMs) })
        }
        forward({ key, value })
      },
    })
    builder
      .stream(input)
      .process(expiring, { name: 'ttl', stores: [storeOf<Seen>('seen')] })
      .to(textTopic<Maybe>('out'))
  },

  'proc-values': (builder, { sep }: { sep: string }) => {
    const withPrevious: FixedKeyProcessor<Key, Maybe, string> = {
      process: ({ key, value }, { store, forward }) => {
        if (key === null) {
          forward({ value: `?${str(value)}` })
          return
        }
        const previous = store<string, number>('prev')
        const old = previous.get(key) ?? null
        previous.put(key, value)
        forward({ value: str(old) + sep + str(value) })
      },
    }
    const pairs = builder.stream(input).processValues(withPrevious, {
      name: 'with-previous',
      stores: [storeOf<number>('prev')],
    })
    pairs.to(textTopic<string>('out'))
    pairs
      .filter((pair) => !pair.startsWith('?'))
      .groupByKey()
      .count({ store: 'n' })
      .toStream()
      .to(textTopic<number>('n-out'))
  },

  'proc-dedup': (builder, { windowMs }: { windowMs: number }) => {
    const put = (key: string, startMs: number) => ({
      key,
      window: { startMs, endMs: startMs + windowMs },
    })
    const dedup: Processor<string | null, string | null, string | null, string | null> = {
      process: (record, { forward, windowStore: stores }) => {
        const { value: id, timestampMs } = record
        if (id === null) {
          forward(record)
          return
        }
        const ids = stores<string, number>('ids')
        const fromMs = Math.max(0, timestampMs - windowMs)
        const known = [...ids.fetch(id, fromMs, timestampMs + windowMs)]
        const last = known.at(-1)?.[0].window.startMs
        if (last === undefined) {
          ids.put(put(id, timestampMs), timestampMs)
          forward(record)
        } else if (last < timestampMs) ids.put(put(id, timestampMs), last)
      },
    }
    builder.addStateStore(
      windowStore('ids', {
        key: string,
        value: json<number>(),
        retention: `${2 * windowMs}ms`,
        size: `${windowMs}ms`,
      }),
    )
    builder
      .stream(textTopic<string | null>('in'))
      .process(dedup, { name: 'dedup', stores: ['ids'] })
      .to(textTopic<string | null>('out'))
  },
}
