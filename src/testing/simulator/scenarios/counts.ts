import { json, string, topic, topology } from 'millrace'
import {
  coalescedDifferences,
  differences,
  grouped,
  inputOf,
  keyOf,
  pick,
  seenIn,
  missing,
  type InputRecord,
  type Scenario,
  type ScenarioMaker,
} from '../scenario.ts'

const visits = topic('visits', { key: string, value: string })
const totals = topic('totals', { key: string, value: json<number>() })

const counting = topology('counting', (builder) => {
  builder.stream(visits).groupByKey().count({ store: 'visits' }).toStream().to(totals)
})

const words = topic('texts', { key: string, value: string })

/** Two sub-topologies with a topic between them. */
const wordCounting = topology('word-counting', (builder) => {
  builder
    .stream(words)
    .flatMapValues((text) => text.split(' '))
    .selectKey((word) => word)
    .groupByKey()
    .count({ store: 'words' })
    .toStream()
    .to(totals)
})

/** Each of these is counted: 1, 2, 3 and so on, no number left out and none twice. */
function countsOf(
  counted: readonly string[],
  parts: Pick<Scenario, 'topology' | 'inputs' | 'records'> & { readonly topic: string },
): Scenario {
  const counts = new Map<string, number>()
  const expected = grouped(
    counted.map((key) => {
      const count = (counts.get(key) ?? 0) + 1
      counts.set(key, count)
      return [key, String(count)]
    }),
  )
  return {
    ...parts,
    topics: [parts.topic, 'totals'],
    problems: (committed, { guarantee, isCached }) => {
      const seen = seenIn(committed, 'totals')
      if (guarantee === 'at-least-once') return missing('counts', seen, expected)
      return (isCached ? coalescedDifferences : differences)('counts', seen, expected)
    },
  }
}

export const counts: ScenarioMaker = (random, size) => {
  const records = inputOf('visits', size, () => ({ key: keyOf(random), value: 'here' }))
  return countsOf(
    records.map(({ key }) => key),
    { topology: counting, topic: 'visits', inputs: ['visits'], records },
  )
}

const vocabulary = ['to', 'be', 'or', 'not', 'that', 'is', 'the', 'question']

export const wordCounts: ScenarioMaker = (random, size) => {
  const textOf = (): string =>
    Array.from({ length: 1 + Math.floor(random() * 3) }, () => pick(random, vocabulary)).join(' ')
  const records: readonly InputRecord[] = inputOf('texts', Math.ceil(size / 2), (index) => ({
    key: `line-${index}`,
    value: textOf(),
  }))
  return countsOf(
    records.flatMap(({ value }) => value.split(' ')),
    {
      topology: wordCounting,
      topic: 'texts',
      inputs: ['texts', 'word-counting-words-repartition'],
      records,
    },
  )
}
