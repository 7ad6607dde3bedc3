import type { Meta } from '../../core/record.ts'
import type { Serializer } from '../../serde/serde.ts'
import type { OperatorFactory } from '../../topology/processor.ts'
import type { RowJoiner } from '../join/table-table-join.ts'
import type { TableView } from '../table-view.ts'
import { hashOf, sameHash, type Answer } from './subscription.ts'

export interface AnswerJoin {
  /** The left table. */
  readonly rows: TableView
  readonly value: Serializer<unknown>
  readonly isLeft: boolean
  readonly joiner: RowJoiner
}

/**
 * Joins an answer with the left row that asked (Kafka Streams' ResponseJoinProcessor). Where the
 * row has changed since, another answer is on its way, and this one is left out.
 */
export const joinAnswer =
  ({ rows, value: valueSerde, isLeft, joiner }: AnswerJoin): OperatorFactory =>
  (context) => {
    const { emit, meta } = context
    const rowOf = rows.open(context)
    return {
      process: (key, value, timestampMs, headers) => {
        const answer = value as Answer<never>
        const row = rowOf(key, headers)
        const hash = row === undefined ? null : hashOf(row.value, valueSerde)
        if (!sameHash(hash, answer.hash)) return
        if (row === undefined || (answer.value === null && !isLeft)) {
          emit(key, null, timestampMs, headers)
          return
        }
        const rowMeta = meta.at(key, timestampMs, headers) as Meta as Meta<never>
        const joined = joiner(row.value as never, answer.value as never, rowMeta)
        emit(key, joined ?? null, timestampMs, headers)
      },
    }
  }
