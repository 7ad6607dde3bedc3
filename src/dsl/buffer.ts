import { durationMs, type Duration } from '../core/duration.ts'
import { buffer, type Buffered, type Buffering } from '../operators/buffer/buffer.ts'
import { pairSerde } from '../operators/buffer/pair-serde.ts'
import { bytes } from '../serde/bytes.ts'
import { json } from '../serde/json.ts'
import { nullable } from '../serde/nullable.ts'
import { invalidTopology } from '../topology/invalid-topology.ts'
import type { SerdeFor } from '../topology/serde-for.ts'
import { waitingStore } from '../topology/timer-store.ts'
import { after, unknownKey, type AnySerde, type Flow } from './flow.ts'
import { waitingStoreFor } from './retry.ts'

export type { Buffered }

/** A batch is sent on as soon as one of these is reached; give at least one. */
export interface BufferOptions<in V = unknown> {
  /** Of the step and its store; where the key was changed, of the topic in between too. */
  readonly name: string
  /** How many records a batch has at most; 10,000 at any rate. */
  readonly records?: number
  /** How many bytes its values have, as they are written, at most; 8 MiB at any rate. */
  readonly bytes?: number
  /** How long its first record waits, by the wall clock. */
  readonly time?: Duration
  /** How values are written while they wait; as the stream's, or else as JSON. */
  readonly value?: SerdeFor<V>
}

const RECORDS_MAX = 10_000
const BYTES_MAX = 8 * 1024 * 1024

/** Batches of each key, behind a topic where the key was changed. */
export function bufferByKey(flowTo: (name: string) => Flow, options: BufferOptions<never>): Flow {
  const limits = check(options)
  const { name } = options
  const flow = flowTo(name)
  const place = { step: name, word: 'buffer', store: name }
  const { key, waiting } = waitingStoreFor(flow, place, options)
  const step = { ...limits, by: 'key', place: { store: name, key, value: waiting } } as const
  return addBuffer(flow, step, {})
}

/** Batches of all that a task is given. */
export function bufferByPartition(
  flow: Flow,
  options: BufferOptions<never> & { readonly key?: SerdeFor<never> },
): Flow {
  const limits = check(options)
  const { name } = options
  const ownKey = (options.key as AnySerde | undefined) ?? (flow.rekeyed ? undefined : flow.key)
  if (ownKey === undefined) throw unknownKey(`buffer "${name}"`)
  const ownValue = (options.value as AnySerde | undefined) ?? flow.value ?? json<unknown>()
  const pair = pairSerde(nullable(ownKey), nullable(ownValue)) as AnySerde
  const spec = waitingStore(name, { key: nullable(bytes) as AnySerde, value: pair })
  flow.graph.addStore(spec)
  const place = { store: name, key: spec.key, value: spec.waiting as AnySerde }
  // A batch has no key: whatever becomes of it, no other partition is concerned.
  const noKey = { key: ownKey, rekeyed: false }
  return addBuffer(flow, { ...limits, by: 'partition', place }, noKey)
}

const addBuffer = (flow: Flow, step: Buffering, changes: Parameters<typeof after>[2]): Flow =>
  after(
    flow,
    {
      operator: 'buffer',
      name: `buffer(${step.place.store})`,
      stores: [step.place.store],
      create: buffer(step),
    },
    { value: undefined, ...changes },
  )

function check({
  name,
  records,
  bytes: size,
  time,
}: BufferOptions<never>): Pick<Buffering, 'recordsMax' | 'bytesMax' | 'timeMs'> {
  if (name === undefined) {
    throw invalidTopology(
      'a buffer has no name',
      "Name the place where it keeps what it gathers: { name: 'for-the-archive', … }.",
    )
  }
  if (records === undefined && size === undefined && time === undefined) {
    throw invalidTopology(
      `buffer "${name}" does not say when a batch is complete`,
      "Give one or more of: records: 100, bytes: 1_000_000, time: '5s'.",
    )
  }
  const isCount = (count: number | undefined, max: number): boolean =>
    count === undefined || (Number.isInteger(count) && count >= 1 && count <= max)
  if (!isCount(records, RECORDS_MAX)) {
    throw invalidTopology(
      `a batch of buffer "${name}" has ${records} records`,
      `Give a whole number from 1 to ${RECORDS_MAX}: a batch is one record for what follows.`,
    )
  }
  if (!isCount(size, BYTES_MAX)) {
    throw invalidTopology(
      `a batch of buffer "${name}" has ${size} bytes`,
      `Give a whole number from 1 to ${BYTES_MAX}: a batch is one record for what follows.`,
    )
  }
  const timeMs = time === undefined ? undefined : durationMs(time)
  return { recordsMax: records ?? RECORDS_MAX, bytesMax: size ?? BYTES_MAX, timeMs }
}
