import type { Serializer } from '../../serde/serde.ts'
import type { Change, OperatorFactory } from '../../topology/processor.ts'
import type { TableView } from '../table-view.ts'
import { subscriptionSerde, type Answer, type Subscription } from './subscription.ts'

export interface Subscriptions {
  /** By foreign key and primary key. */
  readonly store: string
  readonly foreign: Serializer<unknown>
}

/**
 * The right side of a foreign-key join keeps who subscribed, and answers with the row as it is
 * (Kafka Streams' SubscriptionReceiveProcessor and SubscriptionJoinProcessor). The answer has the
 * larger timestamp of the two rows, also where it says that a row is gone.
 */
export const answerSubscription =
  ({ store, foreign }: Subscriptions, rows: TableView): OperatorFactory =>
  (context) => {
    const { emit } = context
    const kept = context.store<Uint8Array, Uint8Array>(store)
    const rowOf = rows.open(context)
    return {
      process: (key, value, timestampMs, headers) => {
        const subscription = value as Subscription
        const { instruction, primaryKey, hash } = subscription
        const keyless = key === null || key === undefined
        const enters = instruction === 'enter' || instruction === 'enter-and-answer'
        if (!keyless) {
          const place = placeOf(foreign.serialize(key), primaryKey)
          kept.put(place, enters ? subscriptionSerde.serialize(subscription) : null, timestampMs)
        }
        if (instruction === 'leave') return
        const row = keyless ? undefined : rowOf(key, headers)
        if (row === undefined && instruction === 'enter') return
        const resultMs = row === undefined ? timestampMs : Math.max(timestampMs, row.timestampMs)
        const told = enters && row !== undefined ? row.value : null
        emit(primaryKey, { hash, value: told } satisfies Answer, resultMs, headers)
      },
    }
  }

/**
 * A change of a right row is told to every left row that subscribed to it, in the order of their
 * keys, with the right row's timestamp (Kafka Streams' ForeignTableJoinProcessor).
 */
export const tellSubscribers =
  ({ store, foreign }: Subscriptions): OperatorFactory =>
  (context) => {
    const { emit } = context
    const kept = context.store<Uint8Array, Uint8Array>(store)
    return {
      process: (key, value, timestampMs, headers) => {
        const { newValue, isLate } = value as Change
        // A versioned table has a later version, which was told already.
        if (isLate) return
        const prefix = placeOf(foreign.serialize(key), nobody)
        for (const [, bytes] of kept.prefixScan(prefix)) {
          const { hash, primaryKey } = subscriptionSerde.deserialize(bytes)
          const answer: Answer = { hash, value: newValue }
          emit(primaryKey, answer, timestampMs, headers)
        }
      },
    }
  }

const nobody = new Uint8Array(0)

/** The foreign key's length comes first, so that no foreign key is the beginning of another one. */
function placeOf(foreignKey: Uint8Array, primaryKey: Uint8Array): Uint8Array {
  const place = Buffer.allocUnsafe(4 + foreignKey.length + primaryKey.length)
  place.writeUInt32BE(foreignKey.length, 0)
  place.set(foreignKey, 4)
  place.set(primaryKey, 4 + foreignKey.length)
  return place
}
