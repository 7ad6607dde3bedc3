import type { Headers, Meta } from '../../core/record.ts'
import type { Serializer } from '../../serde/serde.ts'
import type { Change, OperatorFactory } from '../../topology/processor.ts'
import { sameKey } from '../table-group-by.ts'
import { hashOf, type Instruction, type Subscription } from './subscription.ts'

export interface LeftRows {
  readonly foreignKey: (value: never, meta: Meta<never>) => unknown
  readonly primary: Serializer<unknown>
  readonly value: Serializer<unknown>
  readonly foreign: Serializer<unknown>
  readonly isLeft: boolean
}

/**
 * The left side of a foreign-key join (Kafka Streams' SubscriptionSendProcessor): an update of a
 * row leaves the foreign key that it had and enters the one that it has. An inner join has no
 * answer where there was none before; a left join has one to every update. Expects old values.
 */
export const subscribe =
  ({ foreignKey, primary, value: valueSerde, foreign, isLeft }: LeftRows): OperatorFactory =>
  (context) => {
    const { emit, meta } = context
    const keyOf = (row: unknown, key: unknown, timestampMs: number, headers: Headers): unknown =>
      row === null
        ? null
        : (foreignKey(row as never, meta.at(key, timestampMs, headers) as Meta as Meta<never>) ??
          null)
    return {
      process: (key, change, timestampMs, headers) => {
        const { newValue, oldValue, isLate } = change as Change
        // A versioned table has a later version, which has subscribed already.
        if (isLate) return
        const left = keyOf(oldValue, key, timestampMs, headers)
        const entered = keyOf(newValue, key, timestampMs, headers)
        const stays = left !== null && entered !== null && sameKey(left, entered, foreign)
        const row = {
          hash: newValue === null ? null : hashOf(newValue, valueSerde),
          primaryKey: Uint8Array.from(primary.serialize(key)),
        }
        const send = (to: unknown, instruction: Instruction): void =>
          emit(to, { ...row, instruction } satisfies Subscription, timestampMs, headers)
        if (isLeft) {
          if (newValue === null && oldValue === null) return
          if (left !== null && !stays) send(left, 'leave')
          // Without a foreign key nothing is kept there, but the answer comes back.
          send(entered, 'enter-and-answer')
        } else if (entered === null) {
          if (left !== null) send(left, 'leave-and-answer')
        } else if (left === null || stays) {
          send(entered, 'enter')
        } else {
          send(left, 'leave')
          send(entered, 'enter-and-answer')
        }
      },
    }
  }
