/** Producers for tests: as small as correct ones can be. */
import type { Clock } from '../core/clock.ts'
import { noHeaders, type Offset } from '../core/record.ts'
import { topicPartitionKey } from '../core/topic-partition.ts'
import { bytes, leaderOf, retried, type TestRecord } from './port.contract.kit.ts'
import type {
  CommittedOffset,
  Compression,
  GroupMember,
  KafkaPort,
  ProducerIdentity,
} from './port.ts'
import { BatchBuilder } from './wire/batch-builder.ts'

const PRODUCE_TIMEOUT_MS = 10_000
const TRANSACTION_TIMEOUT_MS = 60_000

/** Not idempotent. */
export const plainProducer: ProducerIdentity = { producerId: -1, epoch: -1 }

export interface BatchHow {
  readonly producer?: ProducerIdentity
  readonly baseSequence?: number
  readonly transactional?: boolean
  readonly compression?: Compression
}

/** One record batch; a text stands for a record with that value under the key `k`. */
export function batchOf(
  records: readonly (TestRecord | string)[],
  timestampMs: number,
  {
    producer = plainProducer,
    baseSequence = -1,
    transactional = false,
    compression,
  }: BatchHow = {},
): Uint8Array {
  const builder = new BatchBuilder()
  for (const each of records) {
    const record: TestRecord = typeof each === 'string' ? { value: bytes(each) } : each
    builder.append(
      record.timestampMs ?? timestampMs,
      record.key === undefined ? bytes('k') : record.key,
      record.value ?? null,
      record.headers ?? noHeaders,
    )
  }
  return builder.finish({
    ...producer,
    baseSequence,
    transactional,
    compression: compression ?? 'none',
  })
}

/** Sends one batch to its leader; resolves to its offset, throws the error of the partition. */
export async function produceBatch(
  port: KafkaPort,
  topic: string,
  batch: Uint8Array,
  { partition = 0, transactionalId = null as string | null } = {},
): Promise<Offset> {
  const leader = await leaderOf(port, topic, partition)
  const [produced] = await port.produce(leader, [{ topic, partition, batch }], {
    transactionalId,
    acks: -1,
    timeoutMs: PRODUCE_TIMEOUT_MS,
  })
  if (produced === undefined) throw new Error('a produce answers for the partition it sent')
  if (produced.error !== null) throw produced.error
  return produced.baseOffset
}

/** Records of a producer without transactions. */
export const writePlain = (
  { port, clock }: Writing,
  topic: string,
  records: readonly (TestRecord | string)[],
  how: BatchHow & { readonly partition?: number } = {},
): Promise<Offset> =>
  retried(clock, () => produceBatch(port, topic, batchOf(records, clock.nowMs(), how), how))

export interface Writing {
  readonly port: KafkaPort
  readonly clock: Clock
}

/** One transactional producer in whichever version of transactions the cluster speaks. */
export class TestProducer {
  readonly transactionalId: string
  readonly #port: KafkaPort
  readonly #clock: Clock
  readonly #sequences = new Map<string, number>()
  readonly #added = new Set<string>()
  identity: ProducerIdentity

  private constructor(
    { port, clock }: Writing,
    transactionalId: string,
    identity: ProducerIdentity,
  ) {
    this.#port = port
    this.#clock = clock
    this.transactionalId = transactionalId
    this.identity = identity
  }

  static async open(
    writing: Writing,
    transactionalId: string,
    timeoutMs: number = TRANSACTION_TIMEOUT_MS,
  ): Promise<TestProducer> {
    const identity = await retried(writing.clock, () =>
      writing.port.initProducerId(transactionalId, timeoutMs),
    )
    return new TestProducer(writing, transactionalId, identity)
  }

  /** A batch as this producer would send it next. */
  batch(
    records: readonly (TestRecord | string)[],
    baseSequence: number,
    how: Pick<BatchHow, 'compression'> = {},
  ): Uint8Array {
    const { identity: producer } = this
    return batchOf(records, this.#clock.nowMs(), {
      ...how,
      producer,
      baseSequence,
      transactional: true,
    })
  }

  /** Sends one batch inside the transaction, which begins with it if none is open. */
  async send(
    topic: string,
    records: readonly (TestRecord | string)[],
    { partition = 0 } = {},
  ): Promise<Offset> {
    const key = topicPartitionKey(topic, partition)
    const sequence = this.#sequences.get(key) ?? 0
    await this.add(topic, partition)
    const batch = this.batch(records, sequence)
    const offset = await retried(this.#clock, () => this.sendBatch(topic, batch, partition))
    this.#sequences.set(key, sequence + records.length)
    return offset
  }

  /** Under version 1 the coordinator is told of a partition before it is written to. */
  async add(topic: string, partition = 0): Promise<void> {
    const key = topicPartitionKey(topic, partition)
    if (this.#addsItself || this.#added.has(key)) return
    await retried(this.#clock, () =>
      this.#port.addPartitionsToTxn(this.transactionalId, this.identity, [{ topic, partition }]),
    )
    this.#added.add(key)
  }

  /** Just the one attempt. */
  sendBatch(topic: string, batch: Uint8Array, partition = 0): Promise<Offset> {
    const { transactionalId } = this
    return produceBatch(this.#port, topic, batch, { partition, transactionalId })
  }

  async sendOffsets(member: GroupMember, offsets: readonly CommittedOffset[]): Promise<void> {
    if (!this.#addsItself) {
      await retried(this.#clock, () =>
        this.#port.addOffsetsToTxn(this.transactionalId, this.identity, member.groupId),
      )
    }
    await retried(this.#clock, () =>
      this.#port.txnOffsetCommit(this.transactionalId, this.identity, member, offsets),
    )
  }

  commit(): Promise<void> {
    return this.#end('commit')
  }

  abort(): Promise<void> {
    return this.#end('abort')
  }

  async #end(outcome: 'commit' | 'abort'): Promise<void> {
    const next = await retried(this.#clock, () =>
      this.#port.endTxn(this.transactionalId, this.identity, outcome),
    )
    if (next.epoch !== this.identity.epoch || next.producerId !== this.identity.producerId) {
      this.#sequences.clear()
    }
    this.identity = next
    this.#added.clear()
  }

  get #addsItself(): boolean {
    return this.#port.capabilities().transactionVersion === 2
  }
}

/** Somebody who is no member: commits for a group that has none. */
export const outsider = (groupId: string): GroupMember => ({
  groupId,
  memberId: '',
  generation: -1,
  instanceId: null,
})
