import { json, string, topic, topology } from 'millrace'
import type { RawRecord } from '../../../core/record.ts'
import {
  differences,
  grouped,
  inputOf,
  keyOf,
  losses,
  textOf,
  type Committed,
  type Sequences,
  type ScenarioMaker,
} from '../scenario.ts'

const items = topic('items', { key: string, value: json<number>() })
const batches = topic('batches', { key: string, value: json<readonly number[]>() })
const rest = topic('rest', { key: string, value: json<readonly number[]>() })

/** Records that are held back by a limit and gathered into batches, in durable queues. */
export const gathering = topology('gathering', (builder) => {
  const { even, default: odd } = builder.stream(items).split({ even: (value) => value % 2 === 0 })
  even
    .rateLimit({ name: 'slow', records: 1, per: '15ms', overflow: 'delay' })
    .buffer({ name: 'gathered', records: 3, time: '50ms' })
    .to(batches)
  odd
    .rateLimit({ name: 'slower', records: 2, per: '10ms', overflow: 'block' })
    .buffer({ name: 'left', bytes: 6, time: '40ms', by: 'partition' })
    .flatMap((batch) => batch.map(({ key, value }) => [key, [value]] as const))
    .to(rest)
})

/** Of each key, the values of its batches one after the other. */
const valuesIn = (committed: Committed): Sequences => {
  const valuesOf = ({ key, value }: RawRecord, parity: string): [string, string][] =>
    (JSON.parse(textOf(value)) as number[]).map((each) => [
      `${textOf(key)} ${parity}`,
      String(each),
    ])
  return grouped([
    ...committed('batches')
      .flat()
      .flatMap((record) => valuesOf(record, 'even')),
    ...committed('rest')
      .flat()
      .flatMap((record) => valuesOf(record, 'odd')),
  ])
}

export const gathered: ScenarioMaker = (random, size) => {
  const records = inputOf('items', size, (index) => ({ key: keyOf(random), value: String(index) }))
  const expected = grouped(
    records.map(({ key, value }) => [`${key} ${Number(value) % 2 === 0 ? 'even' : 'odd'}`, value]),
  )
  return {
    topology: gathering,
    topics: ['items', 'batches', 'rest'],
    inputs: ['items'],
    records,
    isComplete: (committed) => losses('', valuesIn(committed), expected).length === 0,
    problems: (committed, { guarantee }) =>
      (guarantee === 'exactly-once' ? differences : losses)(
        'gathered',
        valuesIn(committed),
        expected,
      ),
  }
}
