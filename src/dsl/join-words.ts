import type { Meta } from '../core/record.ts'
import type { Serde } from '../serde/serde.ts'
import { erased } from './flow.ts'
import { StatelessWords } from './stateless-words.ts'
import { joinWithTable, type TableJoinOptions } from './stream-table-join.ts'
import type { Stream } from './stream.ts'
import type { Table } from './table.ts'

/** The words of a stream that bring it together with something else by key. */
export abstract class JoinWords<out K, out V, in S = NonNullable<K>> extends StatelessWords<
  K,
  V,
  S
> {
  /**
   * Each record with the row that its key has when the record is processed: time plays no part, and
   * updates of the table cause nothing. A record without a row, a key or a value is left out. Where
   * the key was changed, records go through a topic called after `name`.
   */
  join<TK, VT, V2>(
    this: Stream<(TK & S) | null, V, never>,
    table: Table<TK, VT, never>,
    joiner: (value: NonNullable<V>, tableValue: VT, meta: Meta<NonNullable<K>>) => V2,
    options?: TableJoinOptions<K, V>,
  ): Stream<NonNullable<K>, V2, S>
  join<TK, VT, V2, S2>(
    this: Stream<(TK & S2) | null, V, never>,
    table: Table<TK, VT, never>,
    joiner: (value: NonNullable<V>, tableValue: VT, meta: Meta<NonNullable<K>>) => V2,
    options: TableJoinOptions<K, V> & { readonly key: Serde<S2> },
  ): Stream<NonNullable<K>, V2, S2>
  join<VT, V2>(
    table: Table<unknown, VT, never>,
    joiner: (value: NonNullable<V>, tableValue: VT, meta: Meta<NonNullable<K>>) => V2,
    options: TableJoinOptions<K, V> = {},
  ): Stream<NonNullable<K>, V2, never> {
    const step = { isLeft: false, joiner }
    const { name } = options
    const request = { ...erased(options), name }
    const flow = joinWithTable(this['~flow'], table['~flow'], step, request)
    return flow.words.stream(flow)
  }

  /** As `join`, where a record without a row, or without a key, is joined with null. */
  leftJoin<TK, VT, V2>(
    this: Stream<(TK & S) | null, V, never>,
    table: Table<TK, VT, never>,
    joiner: (value: NonNullable<V>, tableValue: VT | null, meta: Meta<K>) => V2,
    options?: TableJoinOptions<K, V>,
  ): Stream<K, V2, S>
  leftJoin<TK, VT, V2, S2>(
    this: Stream<(TK & S2) | null, V, never>,
    table: Table<TK, VT, never>,
    joiner: (value: NonNullable<V>, tableValue: VT | null, meta: Meta<K>) => V2,
    options: TableJoinOptions<K, V> & { readonly key: Serde<S2> },
  ): Stream<K, V2, S2>
  leftJoin<VT, V2>(
    table: Table<unknown, VT, never>,
    joiner: (value: NonNullable<V>, tableValue: VT | null, meta: Meta<K>) => V2,
    options: TableJoinOptions<K, V> = {},
  ): Stream<K, V2, never> {
    const step = { isLeft: true, joiner }
    const { name } = options
    const request = { ...erased(options), name }
    const flow = joinWithTable(this['~flow'], table['~flow'], step, request)
    return flow.words.stream(flow)
  }
}
