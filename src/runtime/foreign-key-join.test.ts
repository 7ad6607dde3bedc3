import { expect, test } from 'vitest'
import { seededRandom } from '../core/random.ts'
import { topic } from '../dsl/topic.ts'
import { topology } from '../dsl/topology.ts'
import { json } from '../serde/json.ts'
import { string } from '../serde/string.ts'
import { Disk } from './disk.fixtures.ts'
import { Simulation, START_MS, type InputRecord } from './simulation.fixtures.ts'

interface Person {
  readonly name: string
  readonly city: string | null
}
const people = topic('people', { key: string, value: json<Person>() })
const cities = topic('cities', { key: string, value: json<string>() })

const PEOPLE_PARTITIONS = 3
const CITIES_PARTITIONS = 2

const joins = topology('joins', (builder) => {
  const persons = builder.table(people, { store: 'people' })
  const places = builder.table(cities, { store: 'cities' })
  const byCity = { foreignKey: ({ city }: Person) => city, name: 'home' }
  persons.leftJoin(places, ({ name }, city) => `${name} of ${city}`, { ...byCity, store: 'homes' })
})

function inputsOf(seed: number): readonly InputRecord[] {
  const random = seededRandom(seed)
  const below = (limit: number): number => Math.floor(random() * limit)
  return Array.from({ length: 200 }, (_, index): InputRecord => {
    const gone = below(5) === 0
    const timestampMs = START_MS - 1_000 + index
    if (below(2) === 0) {
      const value = gone ? null : JSON.stringify(`City ${below(9)}`)
      return { topic: 'cities', key: `c${below(6)}`, value, timestampMs }
    }
    const city = below(5) === 0 ? null : `c${below(6)}`
    const value = gone ? null : JSON.stringify({ name: `Person ${below(9)}`, city })
    return { topic: 'people', key: `p${below(12)}`, value, timestampMs }
  })
}

test.each([1, 2, 3, 4, 5])(
  'a foreign-key join over topics of different sizes outlives a crash (seed %i)',
  async (seed) => {
    using simulation = new Simulation()
    simulation.cluster.createTopic('people', PEOPLE_PARTITIONS)
    simulation.cluster.createTopic('cities', CITIES_PARTITIONS)
    const write = (records: readonly InputRecord[]): void => {
      for (const record of records) {
        const { topic: name } = record
        simulation.write([record], name === 'people' ? PEOPLE_PARTITIONS : CITIES_PARTITIONS)
      }
    }
    const isDone = (): boolean =>
      simulation.hasCommitted('joins', ['people', 'joins-home-answers-repartition'], 3) &&
      simulation.hasCommitted('joins', ['cities', 'joins-home-subscriptions-repartition'], 2)
    const inputs = inputsOf(seed)
    await simulation.clock.run(async () => {
      const first = simulation.start({ topology: joins, disk: new Disk(), clientId: 'first' })
      for (let at = 0; at < 100; at += 10) {
        write(inputs.slice(at, at + 10))
        await simulation.clock.sleep(15)
      }
      first.crash()
      const second = simulation.start({ topology: joins, disk: new Disk(), clientId: 'second' })
      write(inputs.slice(100))
      await simulation.until(isDone, 'everything is processed')
      expect(await second.stop()).toBeUndefined()
      // Markers that are still on their way.
      await simulation.clock.sleep(2_000)
    })
    const rows = { people: new Map<string, Person>(), cities: new Map<string, string>() }
    for (const { topic: name, key, value } of inputs) {
      const table: Map<string, unknown> = name === 'people' ? rows.people : rows.cities
      if (value === null) table.delete(key ?? '')
      else table.set(key ?? '', JSON.parse(value))
    }
    const expected = [...rows.people].map(([key, { name, city }]) => [
      key,
      `${name} of ${(city === null ? undefined : rows.cities.get(city)) ?? null}`,
    ])
    const kept = Object.entries(simulation.folded('joins-homes-changelog', PEOPLE_PARTITIONS)).map(
      ([key, value]) => [key, JSON.parse(value)],
    )
    expect(Object.fromEntries(kept)).toEqual(Object.fromEntries(expected))
  },
)
