import type { Offset } from '../../core/record.ts'
import { topicPartitionKey, type TopicPartition } from '../../core/topic-partition.ts'
import type { CommittedOffset, FetchedOffset, ProducerIdentity } from '../port.ts'
import { refusal } from './refusal.ts'
import type { Marker } from './transaction-coordinator.ts'

const METADATA_BYTES_MAX = 4_096

interface StoredOffset extends CommittedOffset {
  /** Of two commits of one partition the later written one wins, whenever its transaction ends. */
  readonly written: number
}

interface PendingOffsets {
  epoch: number
  readonly offsets: Map<string, StoredOffset>
}

/** What one group has committed, and what open transactions are about to commit for it. */
export class GroupOffsets {
  readonly #committed = new Map<string, StoredOffset>()
  readonly #pending = new Map<number, PendingOffsets>()
  #written = 0

  /** Offsets by {@link topicPartitionKey}. */
  get committed(): ReadonlyMap<string, Offset> {
    return new Map([...this.#committed].map(([key, { offset }]) => [key, offset]))
  }

  /** As they are now; what open transactions are about to commit stays so for ever. */
  copy(): GroupOffsets {
    const copy = new GroupOffsets()
    for (const [key, stored] of this.#committed) copy.#committed.set(key, stored)
    for (const [producerId, { epoch, offsets }] of this.#pending) {
      copy.#pending.set(producerId, { epoch, offsets: new Map(offsets) })
    }
    return copy
  }

  commit(offsets: readonly CommittedOffset[]): void {
    for (const stored of this.#stored(offsets)) this.#committed.set(keyOf(stored), stored)
  }

  hasOpenTransaction({ producerId, epoch }: ProducerIdentity): boolean {
    const pending = this.#pending.get(producerId)
    return pending !== undefined && pending.epoch === epoch && pending.offsets.size > 0
  }

  /** Seen by nobody until the marker of the transaction is written. */
  commitInTransaction(
    { producerId, epoch }: ProducerIdentity,
    offsets: readonly CommittedOffset[],
  ): void {
    const pending = this.#pendingOf(producerId, epoch)
    for (const stored of this.#stored(offsets)) pending.offsets.set(keyOf(stored), stored)
  }

  end({ producerId, epoch, outcome }: Marker): void {
    const pending = this.#pendingOf(producerId, epoch)
    if (outcome === 'commit') {
      for (const [key, stored] of pending.offsets) {
        if (stored.written > (this.#committed.get(key)?.written ?? 0)) {
          this.#committed.set(key, stored)
        }
      }
    }
    pending.offsets.clear()
  }

  fetch(partition: TopicPartition, requireStable: boolean): FetchedOffset {
    const key = keyOf(partition)
    const isUnstable = [...this.#pending.values()].some(({ offsets }) => offsets.has(key))
    if (requireStable && isUnstable) {
      throw refusal('UNSTABLE_OFFSET_COMMIT', `an open transaction is about to move ${key}`)
    }
    const { topic, partition: number } = partition
    const { offset, metadata } = this.#committed.get(key) ?? { offset: null, metadata: '' }
    return { topic, partition: number, offset, metadata }
  }

  forget(topic: string): void {
    for (const [key, stored] of this.#committed) {
      if (stored.topic === topic) this.#committed.delete(key)
    }
  }

  #pendingOf(producerId: number, epoch: number): PendingOffsets {
    const pending = this.#pending.get(producerId) ?? { epoch, offsets: new Map() }
    if (epoch < pending.epoch) {
      throw refusal('INVALID_PRODUCER_EPOCH', `epoch ${epoch} is older than ${pending.epoch}`)
    }
    pending.epoch = epoch
    this.#pending.set(producerId, pending)
    return pending
  }

  #stored(offsets: readonly CommittedOffset[]): StoredOffset[] {
    return offsets.map(({ topic, partition, offset, metadata }) => {
      if (Buffer.byteLength(metadata) > METADATA_BYTES_MAX) {
        throw refusal('OFFSET_METADATA_TOO_LARGE', `more than ${METADATA_BYTES_MAX} bytes`)
      }
      this.#written += 1
      return { topic, partition, offset, metadata, written: this.#written }
    })
  }
}

const keyOf = ({ topic, partition }: TopicPartition): string => topicPartitionKey(topic, partition)
