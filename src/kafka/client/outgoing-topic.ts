import type { Headers } from '../../core/record.ts'
import type { Random } from '../../core/random.ts'
import type { TopicMetadata } from '../port.ts'
import { partitionForKey } from '../wire/murmur2.ts'
import { NO_LEADER } from './assigned-partition.ts'
import { OutgoingPartition } from './outgoing-partition.ts'

/** A record that came before its topic's metadata. */
export interface ParkedRecord {
  readonly partition: number | null
  readonly timestampMs: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: Headers
  readonly bufferedBytes: number
}

/** A topic that is written to. */
export class OutgoingTopic {
  readonly name: string
  /** Empty until the topic's metadata is known. */
  readonly partitions: OutgoingPartition[] = []
  readonly parked: ParkedRecord[] = []
  parkedSinceMs = 0
  /** Since when the cluster says that there is no such topic. */
  missingSinceMs: number | undefined
  readonly #random: Random
  readonly #isHeldBack: boolean
  readonly #loaded = Promise.withResolvers<void>()
  #keyless = 0

  constructor(name: string, random: Random, isHeldBack: boolean) {
    this.name = name
    this.#random = random
    this.#isHeldBack = isHeldBack
    this.#loaded.promise.catch(() => {})
  }

  /** Rejects when there is no such topic. */
  get loaded(): Promise<void> {
    return this.#loaded.promise
  }

  get isLoaded(): boolean {
    return this.partitions.length > 0
  }

  get isWaitingForLeader(): boolean {
    return this.partitions.some(
      (each) => each.leader === NO_LEADER && !each.resting && !each.isEmpty,
    )
  }

  /**
   * Where a record goes that names no partition: as Java's, by key, or by chance a batch at a time.
   */
  choose(key: Uint8Array | null): number {
    return key === null ? this.#keyless : partitionForKey(key, this.partitions.length)
  }

  /** A batch of this partition is full: records without a key go elsewhere. */
  turnFrom(partition: number): void {
    if (partition === this.#keyless) this.#keyless = this.#anyPartition()
  }

  load({ partitions }: TopicMetadata): void {
    this.missingSinceMs = undefined
    const first = !this.isLoaded
    for (const { id, leader } of partitions) {
      const partition = (this.partitions[id] ??= new OutgoingPartition(
        this.name,
        id,
        this.#isHeldBack,
      ))
      if (partition.leader === NO_LEADER && leader >= 0) partition.leader = leader
    }
    if (!first || !this.isLoaded) return
    this.#keyless = this.#anyPartition()
    this.#loaded.resolve()
  }

  refuse(error: unknown): void {
    this.#loaded.reject(error)
  }

  #anyPartition(): number {
    return Math.floor(this.#random() * this.partitions.length)
  }
}
