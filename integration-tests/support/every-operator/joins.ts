import { allOf, sumOf } from 'millrace'
import { exact, last, text, type Operator } from './io.ts'

const near = { within: '3s', grace: '2s', emitInterval: '0ms' } as const
const byCity = { foreignKey: (value: number) => `city-${value % 5}` }

export const onTables: readonly Operator[] = [
  exact('table', ({ prices }) => prices),
  exact('filter of a table', ({ prices }) => prices.filter((price) => price > 4)),
  exact('mapValues of a table', ({ prices }) =>
    prices.mapValues((price) => price + 1, { store: 'mapped' }),
  ),
  last('groupBy of a table', ({ prices }) =>
    prices
      .groupBy((price) => [price % 2 === 0 ? 'even' : 'odd', price], { name: 'parity' })
      .aggregate(allOf({ sum: sumOf((price: number) => price) }), { store: 'parity' }),
  ),

  exact('join of streams', ({ numbers, others }) =>
    numbers.join(others, text, { ...near, store: 'ss' }),
  ),
  exact('leftJoin of streams', ({ numbers, others }) =>
    numbers.leftJoin(others, text, { ...near, store: 'ss-left' }),
  ),
  exact('outerJoin of streams', ({ numbers, others }) =>
    numbers.outerJoin(others, text, { ...near, store: 'ss-outer' }),
  ),
  exact('join with a table', ({ numbers, prices }) => numbers.join(prices, text)),
  exact('leftJoin with a table', ({ numbers, prices }) => numbers.leftJoin(prices, text)),
  exact('join with a versioned table', ({ numbers, rates }) => numbers.leftJoin(rates, text)),
  exact('join with a versioned table, later', ({ numbers, rates }) =>
    numbers.join(rates, text, { grace: '2s', store: 'waiting-for-rates' }),
  ),
  exact('join with a global table', ({ numbers, names }) =>
    numbers.join(names, (value) => `name-${value}`, text),
  ),
  exact('leftJoin with a global table', ({ numbers, names }) =>
    numbers.leftJoin(names, (value) => `name-${value}`, text),
  ),
  exact('join of tables', ({ prices, numbers }) =>
    prices.join(numbers.toTable({ store: 'tt' }), text),
  ),
  exact('leftJoin of tables', ({ prices, numbers }) =>
    prices.leftJoin(numbers.toTable({ store: 'tt-left' }), text, { store: 'tt-left-joined' }),
  ),
  exact('outerJoin of tables', ({ prices, numbers }) =>
    prices.outerJoin(numbers.toTable({ store: 'tt-outer' }), text),
  ),
  last('join of tables by a foreign key', ({ prices, cities }) =>
    prices.join(cities, text, { ...byCity, name: 'fk', store: 'fk' }),
  ),
  last('leftJoin of tables by a foreign key', ({ prices, cities }) =>
    prices.leftJoin(cities, text, { ...byCity, name: 'fk-left', store: 'fk-left' }),
  ),
]
