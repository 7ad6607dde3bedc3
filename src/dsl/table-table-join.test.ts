import { describe, expect, expectTypeOf, test } from 'vitest'
import { int32 } from '../serde/number.ts'
import { json } from '../serde/json.ts'
import { string } from '../serde/string.ts'
import { TopologyTestDriver } from '../testing/topology-test-driver.ts'
import type { TopologyBuilder } from './builder.ts'
import type { Table } from './table.ts'
import { topic } from './topic.ts'
import { topology } from './topology.ts'

const names = topic('names', { key: string, value: json<string>() })
const cities = topic('cities', { key: string, value: json<string>() })
const years = topic('years', { key: int32, value: json<string>() })
const output = topic('output', { key: string, value: json<string>() })

const tablesOf = (builder: TopologyBuilder) => ({
  people: builder.table(names, { store: 'names' }),
  homes: builder.table(cities, { store: 'cities' }),
})

describe('a table joined with a table', () => {
  test('gives each result the larger timestamp of its two rows', async () => {
    await using driver = new TopologyTestDriver(
      topology('people', (builder) => {
        const { people, homes } = tablesOf(builder)
        people
          .join(homes, (name, city, { key }) => `${key}: ${name} of ${city}`)
          .toStream()
          .to(output)
      }),
    )
    await driver.input(names).send('a', 'Ann', { timestampMs: 5 })
    await driver.input(cities).send('a', 'Oslo', { timestampMs: 3 })
    await driver.input(cities).send('a', null, { timestampMs: 9 })
    expect(driver.output(output).records()).toMatchObject([
      { key: 'a', value: 'a: Ann of Oslo', timestampMs: 5 },
      { key: 'a', value: null, timestampMs: 9 },
    ])
  })

  test('misses a deletion that takes both rows at once, as in Kafka Streams', async () => {
    await using driver = new TopologyTestDriver(
      topology('people', (builder) => {
        const people = builder.table(names, { store: 'names' })
        people.join(people, (left, right) => `${left} and ${right}`, { store: 'twins' })
      }),
    )
    await driver.input(names).send('a', 'Ann')
    await driver.input(names).send('b', 'Bob')
    await driver.input(names).send('b', null)
    expect([...driver.store('twins').all()]).toEqual([
      ['a', 'Ann and Ann'],
      ['b', 'Bob and Bob'],
    ])
  })

  test('must have as many partitions as the other', () => {
    const built = topology('people', (builder) => {
      const { people, homes } = tablesOf(builder)
      people.outerJoin(homes, (name, city) => `${name} of ${city}`)
    })
    expect(built.subTopologies.map(({ copartitioned }) => copartitioned)).toEqual([
      [
        [
          { name: 'names', internal: false },
          { name: 'cities', internal: false },
        ],
      ],
    ])
  })

  test('says in its types which side may be missing', () => {
    topology('people', (builder) => {
      const { people, homes } = tablesOf(builder)
      const byYear = builder.table(years, { store: 'years' })
      // @ts-expect-error -- the right row may be missing
      people.leftJoin(homes, (name, city) => name.length + city.length)
      // @ts-expect-error -- the left row may be missing
      people.outerJoin(homes, (name, city) => name.length + (city ?? '').length)
      // @ts-expect-error -- the keys are of another type
      people.join(byYear, (name, year) => name + year)
      const lengths = people.join(homes, (name, city) => (name === city ? null : name.length))
      expectTypeOf(lengths).toEqualTypeOf<Table<string, number, string>>()
    })
  })
})
