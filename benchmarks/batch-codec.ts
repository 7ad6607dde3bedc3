/**
 * What does the record batch codec cost a record? In CPU time, which a busy machine blurs less; the
 * CRC and the batch's own memory are included, making the values is not.
 */
import { noHeaders } from '../src/core/record.ts'
import type { Compression } from '../src/kafka/port.ts'
import { BatchBuilder } from '../src/kafka/wire/batch-builder.ts'
import { RecordCursor } from '../src/kafka/wire/batch-reader.ts'

const RECORDS = 1000
const BATCHES = 100
const ROUNDS = 15
const codecs: readonly Compression[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd']

const keys = Array.from({ length: RECORDS }, (_, each) =>
  Buffer.from(`key-${String(each).padStart(6, '0')}`),
)
const values = Array.from({ length: RECORDS }, (_, each) =>
  Buffer.from(
    JSON.stringify({
      orderId: `order-${each}`,
      customer: `customer-${(each * 7919) % 1000}`,
      amount: (each * 13) % 977,
      currency: 'EUR',
      status: 'placed',
      placedAt: 1_700_000_000_000 + each,
      note: 'x'.repeat(30),
    }),
  ),
)

const builder = new BatchBuilder()

function encode(compression: Compression): Uint8Array {
  for (let each = 0; each < RECORDS; each++) {
    builder.append(1_700_000_000_000 + each, keys[each]!, values[each]!, noHeaders)
  }
  const producer = { producerId: 1, epoch: 0, baseSequence: 0 }
  return builder.finish({ ...producer, transactional: true, compression })
}

/** Touches offset, timestamp, key and value of every record. */
function decode(batch: Uint8Array): number {
  let sum = 0
  for (const cursor = new RecordCursor(batch); cursor.next();) {
    sum += cursor.offset + cursor.timestampMs + cursor.key!.length + cursor.value!.length
  }
  return sum
}

/** CPU microseconds a record: the least of the rounds and the one in the middle. */
function measure(batch: () => unknown): { readonly least: number; readonly median: number } {
  const rounds = Array.from({ length: ROUNDS }, () => {
    const start = process.cpuUsage()
    for (let each = 0; each < BATCHES; each++) batch()
    const { user, system } = process.cpuUsage(start)
    return Number(((user + system) / BATCHES / RECORDS).toFixed(3))
  }).toSorted((a, b) => a - b)
  return { least: rounds[0]!, median: rounds[ROUNDS >> 1]! }
}

const results = codecs.map((compression) => {
  const batch = encode(compression)
  return {
    compression,
    batchBytes: batch.length,
    encodeCpuMicrosPerRecord: measure(() => encode(compression)),
    decodeCpuMicrosPerRecord: measure(() => decode(batch)),
  }
})

const shape = {
  recordsPerBatch: RECORDS,
  keyBytes: keys[0]!.length,
  valueBytes: values[500]!.length,
}
process.stdout.write(`${JSON.stringify({ benchmark: 'batch-codec', ...shape, results })}\n`)
