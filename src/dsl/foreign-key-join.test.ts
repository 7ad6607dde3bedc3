import { describe, expect, expectTypeOf, test } from 'vitest'
import { seededRandom } from '../core/random.ts'
import { int32 } from '../serde/number.ts'
import { json } from '../serde/json.ts'
import { string } from '../serde/string.ts'
import { TopologyTestDriver } from '../testing/topology-test-driver.ts'
import type { TopologyBuilder } from './builder.ts'
import type { Table } from './table.ts'
import { topic } from './topic.ts'
import { topology } from './topology.ts'

interface Person {
  readonly name: string
  readonly city: string | null
  readonly boss: string | null
}
const people = topic('people', { key: string, value: json<Person>() })
const cities = topic('cities', { key: string, value: json<string>() })
const years = topic('years', { key: int32, value: json<string>() })
const output = topic('output', { key: string, value: json<string>() })

const tablesOf = (builder: TopologyBuilder) => ({
  persons: builder.table(people, { store: 'people' }),
  places: builder.table(cities, { store: 'cities' }),
})

const cityOf = ({ city }: Person): string | null => city
const bossOf = ({ boss }: Person): string | null => boss
const home = ({ name }: Person, city: string | null): string => `${name} of ${city}`
const work = ({ name }: Person, boss: Person | null): string => `${name} under ${boss?.name}`

type Input =
  | { readonly to: 'people'; readonly key: string; readonly value: Person | null }
  | { readonly to: 'cities'; readonly key: string; readonly value: string | null }

/** Few keys, so that they meet often; a value in four is a deletion. */
function inputsOf(seed: number): readonly Input[] {
  const random = seededRandom(seed)
  const below = (limit: number): number => Math.floor(random() * limit)
  return Array.from({ length: 150 }, (): Input => {
    const gone = below(4) === 0
    if (below(2) === 0) {
      return { to: 'cities', key: `c${below(3)}`, value: gone ? null : `City ${below(9)}` }
    }
    const name = `Person ${below(3)}`
    const city = below(4) === 0 ? null : `c${below(3)}`
    const boss = below(4) === 0 ? null : `p${below(4)}`
    return { to: 'people', key: `p${below(4)}`, value: gone ? null : { name, city, boss } }
  })
}

/** A loop over people inside of which is one over what they name. */
function nestedLoop<V>(
  persons: ReadonlyMap<string, Person>,
  others: ReadonlyMap<string, V>,
  isLeft: boolean,
  join: (person: Person, other: V | null) => string,
  named: (person: Person) => string | null,
): readonly (readonly [key: string, value: string])[] {
  const rows: (readonly [string, string])[] = []
  for (const [key, person] of persons) {
    let matched = false
    for (const [other, value] of others) {
      if (named(person) !== other) continue
      matched = true
      rows.push([key, join(person, value)])
    }
    if (!matched && isLeft) rows.push([key, join(person, null)])
  }
  return rows.toSorted(([a], [b]) => (a < b ? -1 : 1))
}

describe.each([
  { kind: 'inner', isLeft: false },
  { kind: 'left', isLeft: true },
])('a foreign-key $kind join', ({ isLeft }) => {
  const built = topology('people', (builder) => {
    const { persons, places } = tablesOf(builder)
    const toHome = { foreignKey: cityOf, name: 'home' }
    const keptHome = { foreignKey: cityOf, name: 'kept-home', store: 'homes' }
    const keptWork = { foreignKey: bossOf, name: 'work', store: 'works' }
    if (isLeft) {
      persons.leftJoin(places, home, keptHome)
      persons.leftJoin(persons, work, keptWork)
      persons.leftJoin(places, home, toHome).toStream().to(output)
    } else {
      persons.join(places, home, keptHome)
      persons.join(persons, work, keptWork)
      persons.join(places, home, toHome).toStream().to(output)
    }
  })

  test.each([1, 2, 3, 4, 5, 6, 7, 8])('is a nested loop over rows (seed %i)', async (seed) => {
    await using driver = new TopologyTestDriver(built)
    const persons = new Map<string, Person>()
    const places = new Map<string, string>()
    const announced = new Map<string, string>()
    for (const { to, key, value } of inputsOf(seed)) {
      if (to === 'people') await driver.input(people).send(key, value)
      else await driver.input(cities).send(key, value)
      if (value === null) (to === 'people' ? persons : places).delete(key)
      else if (to === 'people') persons.set(key, value)
      else places.set(key, value)
      for (const [at, joined] of driver.output(output).keyValues()) {
        if ((joined as string | null) === null) announced.delete(at)
        else announced.set(at, joined)
      }
      const homes = nestedLoop(persons, places, isLeft, home, cityOf)
      expect([...driver.store('homes').all()]).toEqual(homes)
      expect([...announced].toSorted(([a], [b]) => (a < b ? -1 : 1))).toEqual(homes)
      const works = nestedLoop(persons, persons, isLeft, work, bossOf)
      expect([...driver.store('works').all()]).toEqual(works)
    }
  })
})

describe('a foreign-key join', () => {
  test('does not take a foreign key for the beginning of another one', async () => {
    await using driver = new TopologyTestDriver(
      topology('people', (builder) => {
        const { persons, places } = tablesOf(builder)
        persons.join(places, home, { foreignKey: cityOf, name: 'home', store: 'homes' })
      }),
    )
    await driver.input(people).send('a', { name: 'Ann', city: 'c', boss: null })
    await driver.input(people).send('b', { name: 'Bob', city: 'cc', boss: null })
    await driver.input(cities).send('c', 'Oslo')
    expect([...driver.store('homes').all()]).toEqual([['a', 'Ann of Oslo']])
  })

  test('has topics with as many partitions as the tables that they lead to', () => {
    const built = topology('people', (builder) => {
      const { persons, places } = tablesOf(builder)
      persons.join(places, home, { foreignKey: cityOf, name: 'home' })
    })
    expect(built.subTopologies.map(({ copartitioned }) => copartitioned)).toEqual([
      [
        [
          { name: 'people', internal: false },
          { name: 'home-answers', internal: true },
        ],
      ],
      [
        [
          { name: 'cities', internal: false },
          { name: 'home-subscriptions', internal: true },
        ],
      ],
    ])
  })

  test('needs a store where a later step subtracts or looks up', () => {
    const grouped = () =>
      topology('people', (builder) => {
        const { persons, places } = tablesOf(builder)
        persons
          .join(places, home, { foreignKey: cityOf, name: 'home' })
          .groupBy((value) => [value, value], { name: 'by-home' })
          .count({ store: 'counts' })
      })
    expect(grouped).toThrow('needs the old values of the foreign-key join "home"')
  })

  test('must name keys of the other table', () => {
    topology('people', (builder) => {
      const { persons, places } = tablesOf(builder)
      const byYear = builder.table(years, { store: 'years' })
      // @ts-expect-error -- the keys of the other table are numbers
      persons.join(byYear, home, { foreignKey: cityOf, name: 'year' })
      const lengths = persons.leftJoin(places, ({ name }, city) => (city ?? name).length, {
        foreignKey: cityOf,
        name: 'length',
      })
      expectTypeOf(lengths).toEqualTypeOf<Table<string, number, string>>()
      // @ts-expect-error -- a left join may find no row
      persons.leftJoin(places, (_, city) => city.length, { foreignKey: cityOf, name: 'city' })
    })
  })
})
