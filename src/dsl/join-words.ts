import type { Meta } from '../core/record.ts'
import type { RecordJoiner } from '../operators/join/stream-stream-join.ts'
import type { Serde } from '../serde/serde.ts'
import type { Flow, TableFlow } from './flow.ts'
import type { GlobalFlow, GlobalTable } from './global-table.ts'
import { StatelessWords } from './stateless-words.ts'
import { joinWithGlobal, type RowSelector } from './stream-global-join.ts'
import { joinStreams, type StreamJoinOptions } from './stream-stream-join.ts'
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
   * With a table: each record with the row that its key has when the record is processed; of a
   * versioned table with the one that it had at the record's time, for which the record may wait
   * for a `grace`. Updates of the table cause nothing. A record without a row, a key or a value is
   * left out. Where the key was changed, records go through a topic called after `name`.
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
  /**
   * With a stream: each pair of records of one key that are not further apart than `within`, or
   * `before` and `after`. It comes with the second of the two, with the larger timestamp of both; a
   * record without a key or a value is left out. Values are shown again and again: do not change
   * them. Where a key was changed, records go through topics called after the store.
   */
  join<VO, V2>(
    this: Stream<S | null, V, never>,
    other: Stream<S | null, VO, never>,
    joiner: (value: NonNullable<V>, other: NonNullable<VO>, meta: Meta<NonNullable<K>>) => V2,
    options: StreamJoinOptions<K, V, VO>,
  ): Stream<NonNullable<K>, V2, S>
  join<VO, V2, S2>(
    this: Stream<S2 | null, V, never>,
    other: Stream<S2 | null, VO, never>,
    joiner: (value: NonNullable<V>, other: NonNullable<VO>, meta: Meta<NonNullable<K>>) => V2,
    options: StreamJoinOptions<K, V, VO> & { readonly key: Serde<S2> },
  ): Stream<NonNullable<K>, V2, S2>
  /**
   * With a global table: each record with the row that `select` names, a null naming none. Time
   * plays no part, and updates of the table cause nothing. A record without a row or a value is
   * left out. It keeps its own key, so it goes through no topic.
   */
  join<TK, VT, V2>(
    table: GlobalTable<TK, VT>,
    select: (value: NonNullable<V>, meta: Meta<K>) => NoInfer<TK> | null | undefined,
    joiner: (value: NonNullable<V>, tableValue: VT, meta: Meta<K>) => V2,
  ): Stream<K, V2, S>
  join<V2>(other: Other, joiner: RecordJoiner, options: object = {}): Stream<K, V2, never> {
    return joined('join', this['~flow'], other, joiner, options)
  }

  /** With a table: as `join`, where a record without a row or a key is joined with null. */
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
  /**
   * With a stream: as `join`, where a record of this stream that no other met is joined with null,
   * once, when stream time has passed its last partner's by `grace`; one without a key at once.
   */
  leftJoin<VO, V2>(
    this: Stream<S | null, V, never>,
    other: Stream<S | null, VO, never>,
    joiner: (value: NonNullable<V>, other: NonNullable<VO> | null, meta: Meta<K>) => V2,
    options: StreamJoinOptions<K, V, VO>,
  ): Stream<K, V2, S>
  leftJoin<VO, V2, S2>(
    this: Stream<S2 | null, V, never>,
    other: Stream<S2 | null, VO, never>,
    joiner: (value: NonNullable<V>, other: NonNullable<VO> | null, meta: Meta<K>) => V2,
    options: StreamJoinOptions<K, V, VO> & { readonly key: Serde<S2> },
  ): Stream<K, V2, S2>
  /** With a global table: as `join`, where a record that has no row is joined with null. */
  leftJoin<TK, VT, V2>(
    table: GlobalTable<TK, VT>,
    select: (value: NonNullable<V>, meta: Meta<K>) => NoInfer<TK> | null | undefined,
    joiner: (value: NonNullable<V>, tableValue: VT | null, meta: Meta<K>) => V2,
  ): Stream<K, V2, S>
  leftJoin<V2>(other: Other, joiner: RecordJoiner, options: object = {}): Stream<K, V2, never> {
    return joined('left-join', this['~flow'], other, joiner, options)
  }

  /** As `leftJoin` with a stream, for the records of both that met none of the other's. */
  outerJoin<KO extends S | null, VO, V2>(
    this: Stream<S | null, V, never>,
    other: Stream<KO, VO, never>,
    joiner: OuterJoiner<K | KO, V, VO, V2>,
    options: StreamJoinOptions<K | KO, V, VO>,
  ): Stream<K | KO, V2, S>
  outerJoin<KO extends S2 | null, VO, V2, S2>(
    this: Stream<S2 | null, V, never>,
    other: Stream<KO, VO, never>,
    joiner: OuterJoiner<K | KO, V, VO, V2>,
    options: StreamJoinOptions<K | KO, V, VO> & { readonly key: Serde<S2> },
  ): Stream<K | KO, V2, S2>
  outerJoin<V2>(other: Other, joiner: RecordJoiner, options: object = {}): Stream<K, V2, never> {
    return joined('outer-join', this['~flow'], other, joiner, options)
  }
}

type OuterJoiner<K, V, VO, V2> = (
  value: NonNullable<V> | null,
  other: NonNullable<VO> | null,
  meta: Meta<K>,
) => V2

type Other = { readonly '~flow': Flow | TableFlow } | { readonly '~global': GlobalFlow }

/** The overloads have checked that what follows is what a join with what is given takes. */
function joined<K, V, S>(
  operator: Parameters<typeof joinStreams>[0],
  flow: Flow,
  given: Other,
  joiner: RecordJoiner,
  options: object,
): Stream<K, V, S> {
  if ('~global' in given) {
    const [select, combine] = [joiner as RowSelector, options as RecordJoiner]
    const step = { isLeft: operator !== 'join', select, joiner: combine }
    return flow.words.stream(joinWithGlobal(flow, given['~global'], step))
  }
  const { '~flow': other } = given
  if ('rekeyed' in other) {
    const streams = options as StreamJoinOptions<never, never, never>
    return flow.words.stream(joinStreams(operator, flow, other, joiner, streams))
  }
  const step = { isLeft: operator !== 'join', joiner }
  const tables = options as TableJoinOptions<never, never>
  return flow.words.stream(joinWithTable(flow, other, step, tables))
}
