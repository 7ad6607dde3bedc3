import { noHeaders, type Offset } from '../../core/record.ts'
import type { ProducerIdentity } from '../port.ts'
import { BatchBuilder } from './batch-builder.ts'
import { ATTRIBUTES_AT, CONTROL, HEADER_BYTES, TRANSACTIONAL, writeCrc } from './batch-format.ts'
import { setBaseOffset } from './batch-reader.ts'
import { writeInt16, writeInt32 } from './integers.ts'

/** Key: version, type. Value: version, epoch of the coordinator. Both versions are 0. */
const KEY_BYTES = 4
const TYPE_AT = 2
const VALUE_BYTES = 6
const COORDINATOR_EPOCH_AT = 2
const ABORT = 0
const COMMIT = 1
/** Markers are no part of a producer's sequence. */
const NO_SEQUENCE = -1

export interface ControlBatchOptions extends ProducerIdentity {
  readonly baseOffset: Offset
  readonly timestampMs: number
  readonly kind: 'commit' | 'abort'
  readonly coordinatorEpoch: number
}

/** The marker that a transaction's coordinator writes to each of its partitions (KIP-98). */
export function encodeControlBatch(options: ControlBatchOptions): Uint8Array {
  const key = Buffer.alloc(KEY_BYTES)
  writeInt16(key, TYPE_AT, options.kind === 'commit' ? COMMIT : ABORT)
  const value = Buffer.alloc(VALUE_BYTES)
  writeInt32(value, COORDINATOR_EPOCH_AT, options.coordinatorEpoch)
  const builder = new BatchBuilder(2 * HEADER_BYTES)
  builder.append(options.timestampMs, key, value, noHeaders)
  const batch = builder.finish({
    producerId: options.producerId,
    epoch: options.epoch,
    baseSequence: NO_SEQUENCE,
    transactional: true,
    compression: 'none',
  })
  setBaseOffset(batch, options.baseOffset)
  writeInt16(batch, ATTRIBUTES_AT, TRANSACTIONAL | CONTROL)
  writeCrc(batch)
  return batch
}
