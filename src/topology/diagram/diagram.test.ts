import { describe, expect, test } from 'vitest'
import {
  deadLetters,
  json,
  sideOutput,
  string,
  topic,
  topology,
  type TopologyBuilder,
} from 'millrace'
import { diagramOf } from './diagram.ts'
import { placed } from './place.ts'
import { sketchOf } from './sketch.ts'

const numbers = topic('numbers', { key: string, value: json<number>() })
const names = topic('names', { key: string, value: json<string>() })
const output = topic('output', { key: string, value: json<unknown>() })
const odd = sideOutput<string, number>('odd')

const sketched = (build: (builder: TopologyBuilder) => void) => sketchOf(topology('shop', build))

const cardsOf = ({ groups }: ReturnType<typeof sketched>) =>
  groups.map(({ cards }) => cards.map(({ title, detail }) => [title, detail].join(' ').trim()))

describe('a sketch', () => {
  test('has a card for each step that a reader knows, by the word it was written with', () => {
    const sketch = sketched((builder) => {
      builder
        .stream(numbers)
        .filterNot((value) => value < 0)
        .selectKey((value) => String(value))
        .groupByKey()
        .count({ store: 'counts' })
        .toStream()
        .to(output)
    })
    expect(cardsOf(sketch)).toEqual([['filterNot', 'selectKey'], ['count']])
    expect(sketch.groups[1]?.cards[0]?.stores).toEqual([
      { id: 'store counts', label: 'counts', note: undefined },
    ])
    expect(sketch.topics.map(({ label, kind }) => [label, kind])).toEqual([
      ['numbers', 'topic'],
      ['counts-repartition', 'repartition'],
      ['output', 'topic'],
    ])
  })

  test('has the names of steps that a person gave, and of branches and side outputs', () => {
    const sketch = sketched((builder) => {
      const { even, default: rest } = builder
        .stream(numbers)
        .split({ even: (value) => value % 2 === 0 })
      even.to(output)
      rest
        .process<string, number>(
          { process: (record, { sideOutput: give }) => give(odd, record) },
          { name: 'odds', stores: [] },
        )
        .sideOutput(odd)
        .to(numbers)
    })
    expect(cardsOf(sketch)).toEqual([['split', 'odds process']])
    const labels = sketch.groups[0]?.links.map(({ label }) => label)
    expect(labels?.filter((label) => label !== undefined).toSorted()).toEqual([
      'default',
      'even',
      'odd',
    ])
  })

  test('has a store of its own where several steps use it: one keeps it, others look', () => {
    const sketch = sketched((builder) => {
      const table = builder.table(names, { store: 'names' })
      builder
        .stream(numbers)
        .join(table, (value, name) => name + value)
        .to(output)
    })
    const [group] = sketch.groups
    expect(group?.stores.map(({ label }) => label)).toEqual(['names'])
    expect(group?.links.filter(({ from, to }) => [from, to].includes('store names'))).toEqual([
      { from: 'table(names)', to: 'store names', label: undefined },
      { from: 'store names', to: expect.stringContaining('join'), label: undefined },
    ])
  })

  test('has a box for what every thread reads', () => {
    const sketch = sketched((builder) => {
      const table = builder.globalTable(names, { store: 'names' })
      builder
        .stream(numbers)
        .join(
          table,
          (value, { key }) => `${key}${value}`,
          (value, name) => name + value,
        )
        .to(output)
    })
    expect(sketch.groups.map(({ title }) => title)).toEqual(['Sub-topology 0', 'In every thread'])
    expect(sketch.groups[1]?.cards[0]?.stores).toEqual([
      { id: 'store names', label: 'names', note: undefined },
    ])
  })

  test('has a step between a topic that is only copied and its copy', () => {
    const sketch = sketched((builder) => {
      builder.stream(/^logs\./, { key: string, value: json<number>() }).to(output)
      builder.stream(numbers).to(() => output)
    })
    expect(cardsOf(sketch)).toEqual([['copy'], ['copy']])
    const topics = sketch.topics.map(({ label, kind }) => [label, kind])
    expect(topics.toSorted(([a = ''], [b = '']) => (a < b ? -1 : 1))).toEqual([
      ['/^logs\\./', 'pattern'],
      ['a topic chosen for each record', 'chosen'],
      ['numbers', 'topic'],
      ['output', 'topic'],
    ])
  })
})

describe('a diagram', () => {
  const loop = topology('loop', { deadLetters: deadLetters('loop.failed') }, (builder) => {
    const { again, default: done } = builder.stream(numbers).split({ again: (value) => value > 0 })
    again.mapValues((value) => value - 1).to(numbers)
    done.to(output)
    builder
      .stream(names)
      .processValues<string>({ process: () => {} }, { name: 'seen <&> "known"', stores: [] })
  })

  test('is the same each time', () => {
    expect(diagramOf(loop)).toBe(diagramOf(loop))
  })

  test('is an SVG in which every text is there, and escaped', () => {
    const svg = diagramOf(loop)
    expect(svg).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" [^]*<\/svg>\n$/)
    for (const text of [
      'loop',
      'numbers',
      'mapValues',
      'again',
      'records that fail: loop.failed',
    ]) {
      expect(svg).toContain(`>${text}<`)
    }
    expect(svg).toContain('>seen &lt;&amp;&gt; &quot;known&quot;<')
    const tags = svg.match(/<\/?[a-z]+[^>]*>/g) ?? []
    const open = tags.filter((tag) => !tag.startsWith('</') && !tag.endsWith('/>'))
    expect(open.length).toBe(tags.filter((tag) => tag.startsWith('</')).length)
  })

  test('leads a line that goes back around the outside', () => {
    const { lines, boxes, width } = placed(sketchOf(loop))
    const [back] = lines.filter(({ shape }) => shape === 'corners')
    const right = Math.max(...(back?.points.map(({ x }) => x) ?? []))
    const box = boxes[0] as (typeof boxes)[number]
    expect(right).toBeGreaterThan(box.x + box.width)
    expect(right).toBeLessThan(width)
  })

  test('puts parts that have nothing to do with each other side by side', () => {
    const { boxes } = placed(sketchOf(loop))
    expect(new Set(boxes.map(({ y }) => y)).size).toBe(1)
  })

  test('keeps every card within its box and shortens what is too long', () => {
    const long = `store-${'x'.repeat(200)}`
    const built = topology('long', (builder) => {
      builder.stream(numbers).groupByKey().count({ store: long })
    })
    const { boxes, cards, width } = placed(sketchOf(built))
    const [box, card] = [boxes[0] as (typeof boxes)[0], cards[0] as (typeof cards)[0]]
    expect(card.x).toBeGreaterThan(box.x)
    expect(card.x + card.width).toBeLessThan(box.x + box.width)
    expect(width).toBeLessThan(600)
    const svg = diagramOf(built)
    expect(svg).toContain('store-xxxxxxxxxxxxxxxx…xxxxx')
  })
})
