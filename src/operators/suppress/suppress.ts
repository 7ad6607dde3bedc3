import { messageOf, StreamsError } from '../../core/errors.ts'
import type { Serde } from '../../serde/serde.ts'
import type { Change, OperatorFactory } from '../../topology/processor.ts'
import { release, type ResultBytes } from '../waiting/released.ts'
import type { RowLookup, TableView } from '../table-view.ts'
import type { HeldUpdate } from './held-update.ts'
import { SuppressionBuffer } from './suppression-buffer.ts'

/** How long an update of a table waits for the next one of its key. */
export interface SuppressionRule {
  /** How far stream time must be past the time that an update waits for. */
  readonly waitMs: number
  /** The time that a key's updates wait for; undefined: the timestamp of the first that waits. */
  readonly timeOfKey: ((key: unknown) => number) | undefined
  /** Of what waits in one partition; infinite where there is no limit. */
  readonly recordsMax: number
  readonly bytesMax: number
  readonly whenFull: 'emit-early' | 'stop'
  /** Deletions are left out: of a window that has closed there was nothing before. */
  readonly dropsDeletions: boolean
}

export interface Suppression extends SuppressionRule {
  /** Of bytes. */
  readonly store: string
  readonly key: Serde<unknown>
  readonly value: Serde<unknown>
}

/**
 * Holds updates of a table back until their time has come (Kafka Streams' KTableSuppressProcessor):
 * of several of a key only the last one is sent, with its own timestamp and headers. Time is the
 * largest timestamp of the updates that came here, and nothing is sent but while one comes.
 *
 * Unlike in Kafka Streams, the old value that goes along is the one that was sent before, not the
 * one that the update replaced, which nobody has seen. Expects old values.
 */
export const suppress =
  (suppression: Suppression): OperatorFactory =>
  (context) => {
    const { emit, meta } = context
    const { waitMs, recordsMax, bytesMax, whenFull, dropsDeletions } = suppression
    const { key: keySerde, value: valueSerde } = suppression
    const buffer = opened(suppression, context)
    const isFull = (): boolean => buffer.records > recordsMax || buffer.bytes > bytesMax
    const isDue = (timeMs: number): boolean =>
      timeMs <= buffer.streamTimeMs - waitMs || (whenFull === 'emit-early' && isFull())
    const send = (keyBytes: Uint8Array, update: HeldUpdate): void => {
      const { newValue: value, timestampMs, headers } = update
      const bytes = (): ResultBytes => ({ key: keyBytes, value, timestampMs, headers })
      release(context, update, bytes, () => {
        const newValue = read(value, valueSerde)
        if (newValue === null && dropsDeletions) return
        const change: Change = { newValue, oldValue: read(update.sentValue, valueSerde) }
        const key = keySerde.deserialize(keyBytes)
        emit(key, change, timestampMs, headers)
      })
    }
    return {
      process: (key, value, timestampMs, headers) => {
        const { newValue, oldValue } = value as Change
        const { topic, partition, offset } = meta
        const keyBytes = keySerde.serialize(key)
        buffer.hold(key, Uint8Array.from(keyBytes), {
          sentValue: written(oldValue, valueSerde),
          newValue: written(newValue, valueSerde),
          timestampMs,
          topic,
          partition,
          offset,
          headers,
        })
        if (timestampMs > buffer.streamTimeMs) buffer.streamTimeMs = timestampMs
        try {
          for (const { key: due, update } of buffer.release(isDue)) send(due, update)
        } finally {
          buffer.save()
        }
        if (isFull()) throw full(suppression, buffer)
      },
    }
  }

/**
 * The rows of a table that is held back, as the steps after it have seen them: of a key that has an
 * update waiting, the value that was sent before, whose time is not known (-1).
 */
export const suppressedView = (view: TableView, suppression: Suppression): TableView => ({
  stores: [...new Set([...view.stores, suppression.store])],
  historyMs: undefined,
  open: (context): RowLookup => {
    const rowOf = view.open(context)
    const buffer = opened(suppression, context)
    return (key, headers) => {
      const held = buffer.find(key, suppression.key.serialize(key))
      if (held === undefined) return rowOf(key, headers)
      const value = read(held.sentValue, suppression.value)
      return value === null ? undefined : { value, timestampMs: -1 }
    }
  },
})

const opened = (
  { store, timeOfKey }: Suppression,
  context: Parameters<OperatorFactory>[0],
): SuppressionBuffer =>
  new SuppressionBuffer(context.store<Uint8Array, Uint8Array>(store), timeOfKey)

/** A copy: a serde may use its buffer again. */
function written(value: unknown, serde: Serde<unknown>): Uint8Array | null {
  if (value === null) return null
  try {
    return Uint8Array.from(serde.serialize(value))
  } catch (cause) {
    throw new StreamsError('SERDE_FAILED', {
      message: `an update that is held back cannot be written with ${serde.name}: ${messageOf(cause)}`,
      hint: 'Give suppress the serde of the values with its store: { store: { name, value } }.',
      cause,
    })
  }
}

const read = (bytes: Uint8Array | null, serde: Serde<unknown>): unknown =>
  bytes === null ? null : serde.deserialize(bytes)

const full = (
  { store, recordsMax, bytesMax }: Suppression,
  { records, bytes }: SuppressionBuffer,
): StreamsError =>
  new StreamsError('BUFFER_FULL', {
    message:
      records > recordsMax
        ? `store "${store}" holds ${records} updates back, and may hold ${recordsMax}`
        : `store "${store}" holds updates of ${bytes} bytes back, and may hold ${bytesMax}`,
    hint: 'Give suppress a larger buffer, or let updates go early: see docs/guide/windows.md.',
  })
