/**
 * A topology with every operator in it, each with an output of its own, and what it is given. To
 * add one is to add a line to a list of this folder: its name, and a stream or table of what it
 * gives.
 */
import { string, topology, versionedStore, type Stream, type Table, type Topology } from 'millrace'
import { number, topics, type Io, type Operator, type Topics } from './io.ts'
import { onTables } from './joins.ts'
import { patterns } from './patterns.ts'
import { withProcessors } from './processors.ts'
import { onStreams } from './streams.ts'
import { onWindows } from './windows.ts'

export const operators: readonly Operator[] = [
  ...onStreams,
  ...onWindows,
  ...onTables,
  ...withProcessors,
  ...patterns,
]

/** The key of an output record: whose it is, and its own key. */
export const tagged = (name: string, key: unknown): string => `${name}: ${JSON.stringify(key)}`

/** All operators in one topology. `prefix` is that of the user's topics. */
export function everyOperator(prefix: string): {
  readonly topology: Topology
  readonly topics: Topics
} {
  const all = topics(prefix)
  const history = { key: string, value: number, history: '1d' } as const
  const built = topology(prefix, (builder) => {
    const io: Io = {
      builder,
      numbers: builder.stream(all.numbers).peek(slowly),
      others: builder.stream(all.others),
      prices: builder.table(all.prices, { store: 'prices' }),
      rates: builder.table(all.rates, { store: versionedStore('rates', history) }),
      cities: builder.table(all.cities, { store: 'cities' }),
      names: builder.globalTable(all.names, { store: 'names' }),
    }
    for (const { name, build } of operators) {
      const output = build(io) as Stream<unknown, unknown, never> | Table<unknown, unknown, never>
      const stream: Stream<unknown, unknown, never> =
        'toStream' in output ? output.toStream() : output
      stream.map((value, { key }) => [tagged(name, key), value]).to(all.output)
    }
  })
  return { topology: built, topics: all }
}

/** So that a process can be killed in the middle of its work. */
function slowly(): void {
  const until = performance.now() + 2
  while (performance.now() < until);
}
