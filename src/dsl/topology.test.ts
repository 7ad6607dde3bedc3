import { describe, expect, test } from 'vitest'
import { StreamsError } from '../core/errors.ts'
import { json } from '../serde/json.ts'
import { string } from '../serde/string.ts'
import { describeAsJson, describeAsText } from '../topology/describe.ts'
import { keyValueStore } from '../topology/key-value-store.ts'
import type { Processor } from '../topology/processor.ts'
import type { TopologyBuilder } from './builder.ts'
import type { Stream } from './stream.ts'
import { deadLetters, topic } from './topic.ts'
import { topology } from './topology.ts'

interface Click {
  readonly page: string
}
const clicks = topic('clicks', { key: string, value: json<Click>() })
const views = topic('views', { key: string, value: json<Click>() })
const totals = topic('totals', { key: string, value: json<number>() })
const failed = deadLetters('clicks.dead-letters')

const countsByPage = (builder: TopologyBuilder): void =>
  builder
    .stream(clicks)
    .groupBy((click) => click.page, { name: 'by-page' })
    .count({ store: 'clicks-by-page' })
    .toStream()
    .to(totals)

const drop: Processor<string, unknown, never, never> = { process: () => {} }
const storeOf = (name: string) => keyValueStore(name, { key: string, value: json<number>() })

describe('a topology is a value', () => {
  test('that reads like a map of what runs together', () => {
    const built = topology('clicks', { deadLetters: failed }, countsByPage)
    expect(describeAsText(built)).toBe(`Topology: clicks
  Sub-topology: 0
    Source: source(clicks) (topics: [clicks])
      --> select-key(by-page)
    Processor: select-key(by-page) (stores: [])
      --> drop-null-keys(by-page)
      <-- source(clicks)
    Processor: drop-null-keys(by-page) (stores: [])
      --> sink(by-page-repartition)
      <-- select-key(by-page)
    Sink: sink(by-page-repartition) (topic: by-page-repartition)
      <-- drop-null-keys(by-page)
  Sub-topology: 1
    Source: source(by-page-repartition) (topics: [by-page-repartition])
      --> count(clicks-by-page)
    Processor: count(clicks-by-page) (stores: [clicks-by-page])
      --> to-stream-1
      <-- source(by-page-repartition)
    Processor: to-stream-1 (stores: [])
      --> sink(totals)
      <-- count(clicks-by-page)
    Sink: sink(totals) (topic: totals)
      <-- to-stream-1
`)
  })

  test('that says as data how it reads, keeps and writes', () => {
    const built = topology('clicks', (builder) => {
      const store = keyValueStore('latest', {
        key: string,
        value: json<Click>(),
        backend: 'memory',
        changelogConfigs: { 'segment.ms': '1000' },
      })
      builder.table(clicks, { store, reset: { by: '1h' } })
    })
    expect(describeAsJson(built)).toEqual({
      name: 'clicks',
      deadLetters: null,
      onFailure: 'stop',
      repartitions: [],
      globals: [],
      stores: [
        {
          name: 'latest',
          kind: 'key-value',
          key: 'string',
          value: 'json',
          backend: 'memory',
          logged: true,
          cached: true,
          changelogConfigs: { 'segment.ms': '1000' },
        },
      ],
      subTopologies: [
        {
          id: 0,
          stores: ['latest'],
          copartitioned: [],
          nodes: [
            {
              kind: 'source',
              name: 'source(clicks)',
              topics: ['clicks'],
              key: 'string',
              value: 'json',
              reset: { byMs: 3_600_000 },
              timestamp: 'record',
              onBadRecord: null,
              successors: ['table(latest)'],
            },
            {
              kind: 'processor',
              name: 'table(latest)',
              operator: 'table',
              stores: ['latest'],
              outputs: [],
              predecessors: ['source(clicks)'],
              successors: [],
            },
          ],
        },
      ],
    })
  })

  test('that is equal wherever it is built', () => {
    const first = topology('clicks', countsByPage)
    const second = topology('clicks', countsByPage)
    expect(second.fingerprint).toBe(first.fingerprint)
  })

  test.each<[string, (builder: TopologyBuilder) => void]>([
    ['a step more', (builder) => (countsByPage(builder), builder.stream(clicks).forEach(() => {}))],
    ['another store', (builder) => void builder.stream(clicks).toTable({ store: 'other' })],
    [
      'another serde',
      (builder) => void builder.stream(topic('clicks', { key: string, value: string })),
    ],
  ])('that is another one with %s', (_, change) => {
    const built = topology('clicks', countsByPage)
    expect(topology('clicks', change).fingerprint).not.toBe(built.fingerprint)
  })

  test('that sends failures to its dead-letter topic, if it has one, and stops otherwise', () => {
    expect(topology('clicks', { deadLetters: failed }, countsByPage)).toMatchObject({
      onFailure: 'dead-letter',
      deadLetters: { name: 'clicks.dead-letters', internal: false },
    })
    expect(topology('clicks', countsByPage).onFailure).toBe('stop')
  })
})

describe('what runs together', () => {
  const shapeOf = (build: (builder: TopologyBuilder) => void) =>
    describeAsJson(topology('shape', build)).subTopologies.map(
      ({ nodes, stores, copartitioned }) => ({
        sources: nodes.flatMap((node) => (node.kind === 'source' ? [node.name] : [])),
        stores,
        copartitioned,
      }),
    )

  test('are streams that meet, or that share a store', () => {
    const shape = shapeOf((builder) => {
      builder.stream(clicks).forEach(() => {})
      builder.addStateStore(storeOf('shared'))
      const options = { stores: ['shared'] }
      builder.stream(views).process(drop, { name: 'a', ...options })
      builder.stream(totals).process(drop, { name: 'b', ...options })
    })
    expect(shape).toEqual([
      { sources: ['source(clicks)'], stores: [], copartitioned: [] },
      {
        sources: ['source(views)', 'source(totals)'],
        stores: ['shared'],
        copartitioned: [['views', 'totals']],
      },
    ])
  })

  test('need equal partition counts where merged records are kept by key', () => {
    const merged = (builder: TopologyBuilder) => builder.stream(clicks).merge(builder.stream(views))
    expect(shapeOf((builder) => merged(builder).to(clicks))).toEqual([
      { sources: ['source(clicks)', 'source(views)'], stores: [], copartitioned: [] },
    ])
    expect(shapeOf((builder) => void merged(builder).toTable({ store: 'latest' }))).toEqual([
      {
        sources: ['source(clicks)', 'source(views)'],
        stores: ['latest'],
        copartitioned: [['clicks', 'views']],
      },
    ])
  })

  test('need them no longer once they went through a topic of their own', () => {
    const shape = shapeOf((builder) => {
      const merged = builder.stream([clicks, views])
      merged.groupBy((click) => click.page, { name: 'by-page' }).count({ store: 'pages' })
    })
    expect(shape).toEqual([
      { sources: ['source(clicks)', 'source(views)'], stores: [], copartitioned: [] },
      { sources: ['source(by-page-repartition)'], stores: ['pages'], copartitioned: [] },
    ])
  })

  test('a stream that changed its key goes through a topic called after the store', () => {
    const built = topology('clicks', (builder) => {
      const byPage = builder.stream(clicks).selectKey((click) => click.page)
      byPage.groupByKey().count({ store: 'pages' })
      byPage.toTable({ store: 'latest' })
      builder.stream(clicks).groupByKey().count({ store: 'users' })
    })
    expect([...built.repartitions.keys()]).toEqual(['pages', 'latest'])
  })

  test('two aggregations of one group share its topic', () => {
    const built = topology('clicks', (builder) => {
      const pages = builder.stream(clicks).groupBy((click) => click.page, { name: 'pages' })
      pages.count({ store: 'counts' })
      pages.reduce((_, click) => click, { store: 'latest' })
    })
    expect([...built.repartitions.keys()]).toEqual(['pages'])
  })
})

describe('building refuses', () => {
  type Build = (builder: TopologyBuilder) => unknown
  const messageOf = (build: Build, options = {}): string | undefined => {
    try {
      topology('clicks', options, build)
      return undefined
    } catch (error) {
      return error instanceof StreamsError ? `${error.code}: ${error.message}` : String(error)
    }
  }
  let kept: Stream<string, Click> | undefined

  test.each<[what: string, build: Build, message: string]>([
    ['a topology without a source', () => {}, 'topology "clicks" reads no topic'],
    ['a stream without a topic', (builder) => builder.stream([]), 'a stream has no topic'],
    [
      'a store that is declared twice',
      (builder) => {
        builder.stream(clicks).toTable({ store: 'latest' })
        builder.stream(views).toTable({ store: 'latest' })
      },
      'store "latest" is declared twice',
    ],
    [
      'a store that nobody declared',
      (builder) => builder.stream(clicks).process(drop, { name: 'drop', stores: ['lost'] }),
      'step "drop" uses store "lost", which is not declared',
    ],
    [
      'a store that nobody uses',
      (builder) => {
        builder.stream(clicks)
        builder.addStateStore(storeOf('idle'))
      },
      'store "idle" is used by no step',
    ],
    [
      'two steps of one name',
      (builder) => {
        builder.stream(clicks).process(drop, { name: 'drop' })
        builder.stream(views).process(drop, { name: 'drop' })
      },
      'two steps are called "drop"',
    ],
    [
      'two internal topics of one name',
      (builder) => {
        builder.stream(clicks).repartition({ name: 'again' })
        builder.stream(views).repartition({ name: 'again' })
      },
      'repartition topic "again" is declared twice',
    ],
    [
      'an internal topic without partitions',
      (builder) => builder.stream(clicks).repartition({ name: 'none', partitions: 0 }),
      'repartition topic "none" cannot have 0 partitions',
    ],
    [
      'a topic that is a stream and a table',
      (builder) => {
        builder.stream(clicks)
        builder.table(clicks, { store: 'latest' })
      },
      'topic clicks is read as a stream and again as a table',
    ],
    [
      'a topic that is read with different options',
      (builder) => {
        builder.stream(clicks)
        builder.stream(clicks, { reset: 'latest' })
      },
      'topic clicks is read twice with different options',
    ],
    [
      'a topic that is read with different serdes',
      (builder) => {
        builder.stream(clicks)
        builder.stream(topic('clicks', { key: string, value: string }))
      },
      'topic clicks is read twice with different serdes',
    ],
    [
      'a pattern that takes a topic which is read by name',
      (builder) => {
        builder.stream(clicks)
        builder.stream(/^cl/, { key: string, value: string })
      },
      '/^cl/ and source(clicks) read the same topic',
    ],
    [
      'streams of two topologies in one',
      (builder) => {
        topology('other', (other) => (kept = other.stream(clicks)))
        return builder.stream(views).merge(kept as Stream<string, Click>)
      },
      'streams of two topologies are merged',
    ],
    [
      'a merged key that has no serde in common',
      (builder) => {
        const bytesKeyed = topic('keyed', { key: json<string>(), value: json<Click>() })
        const merged = builder.stream(clicks).merge(builder.stream(bytesKeyed))
        merged.toTable({ store: 'latest' })
      },
      'the key serde of store "latest" is not known',
    ],
    [
      'a branch whose name would move it forward',
      (builder) => builder.stream(clicks).split({ '1': () => true }),
      'a branch is called "1"',
    ],
    [
      'a branch called default',
      (builder) => builder.stream(clicks).split({ default: () => true }),
      'a branch is called "default"',
    ],
    [
      'an async function',
      async (builder) => {
        await Promise.resolve()
        builder.stream(clicks)
      },
      'topology "clicks" is built by an async function',
    ],
    [
      'a store name that Kafka would refuse',
      (builder) => builder.stream(clicks).toTable({ store: 'my store' }),
      'a store cannot be called "my store"',
    ],
  ])('%s', (_, build, message) => {
    expect(messageOf(build)).toBe(`INVALID_TOPOLOGY: ${message}`)
  })

  test('its own dead-letter topic as a source or a sink', () => {
    const options = { deadLetters: failed }
    expect(messageOf((builder) => builder.stream(failed), options)).toBe(
      "INVALID_TOPOLOGY: clicks.dead-letters would read the topology's own dead-letter topic",
    )
    const pattern = { key: string, value: string }
    expect(messageOf((builder) => builder.stream(/letters$/, pattern), options)).toBe(
      "INVALID_TOPOLOGY: /letters$/ would read the topology's own dead-letter topic",
    )
    const raw = topic('raw', { key: failed.key, value: failed.value })
    expect(messageOf((builder) => builder.stream(raw).to(failed), options)).toBe(
      'INVALID_TOPOLOGY: a sink writes to the topology\'s own dead-letter topic "clicks.dead-letters"',
    )
  })

  test('dead letters that have nowhere to go', () => {
    expect(messageOf(countsByPage, { onFailure: 'dead-letter' })).toBe(
      'INVALID_TOPOLOGY: the topology sends failed records to a dead-letter topic, but the topology has none',
    )
    const build: Build = (builder) => builder.stream(clicks, { onBadRecord: 'dead-letter' })
    expect(messageOf(build)).toBe(
      'INVALID_TOPOLOGY: the source of clicks sends failed records to a dead-letter topic, but the topology has none',
    )
  })

  test('names that Kafka would refuse', () => {
    expect(() => topic('my topic', { key: string, value: string })).toThrow(
      'a topic cannot be called',
    )
    expect(() => topology('a/b', countsByPage)).toThrow('a topology cannot be called "a/b"')
  })

  test('steps that come after it was built', () => {
    let late: Stream<string, Click> | undefined
    topology('clicks', (builder) => {
      late = builder.stream(clicks)
    })
    expect(() => late?.to(clicks)).toThrow('topology "clicks" is built already')
  })
})
