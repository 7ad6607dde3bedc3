import type { Clock } from '../../core/clock.ts'
import { seededRandom, type Random } from '../../core/random.ts'
import type { Offset, RawRecord } from '../../core/record.ts'
import type { TopicPartition } from '../../core/topic-partition.ts'
import type { Isolation, KafkaPort } from '../port.ts'
import { RecordCursor } from '../wire/batch-reader.ts'
import { Brokers } from './brokers.ts'
import { Changes } from './changes.ts'
import { ClientLine } from './client-line.ts'
import { clusterControls } from './cluster-controls.ts'
import type { ClusterState } from './cluster-state.ts'
import type { CompactOptions } from './compaction.ts'
import { dataRequests } from './data-requests.ts'
import { Faults } from './faults.ts'
import { GroupCoordinator } from './group-coordinator.ts'
import { groupRequests } from './group-requests.ts'
import type { GroupStateName } from './group.ts'
import { Timers } from './timers.ts'
import { topicRequests } from './topic-requests.ts'
import { Topics, type Partition } from './topics.ts'
import { TransactionCoordinator, type Marker } from './transaction-coordinator.ts'
import { transactionRequests } from './transaction-requests.ts'
import { participantKey, type Participant, type TransactionStateName } from './transaction.ts'

/** Kafka's Short.MaxValue. */
const EPOCH_MAX = 32_767
const SESSION_TIMEOUT_MIN_MS = 6_000

export interface SimulatedClusterOptions {
  readonly clock: Clock
  /** Chooses where leaders move and when markers arrive; a fixed seed where left out. */
  readonly random?: Random
  readonly brokers?: number
  readonly transactionVersion?: 1 | 2
  /**
   * Markers are written at most this long after EndTxn was answered, to each partition at its own
   * time; 0 writes them with the answer.
   */
  readonly markerDelayMs?: number
  /** How many epochs a producer id has. A small one lets a test see them run out. */
  readonly epochMax?: number
  readonly sessionTimeoutMinMs?: number
}

export interface SimulatedGroup {
  readonly state: GroupStateName
  readonly generation: number
  readonly protocol: string
  readonly leaderId: string
  readonly members: readonly {
    readonly memberId: string
    readonly instanceId: string | null
    readonly clientId: string
  }[]
  /** Committed ones by `topicPartitionKey`. */
  readonly offsets: ReadonlyMap<string, Offset>
}

export interface SimulatedTransaction {
  readonly state: TransactionStateName
  readonly producerId: number
  readonly epoch: number
  /** What its markers are still owed to, for example `partition orders-0` or `offsets my-group`. */
  readonly participants: readonly string[]
}

/**
 * A Kafka cluster in memory: real record batches, real rules, no sockets and no time of its own.
 * With the same clock, seed and calls, two runs are the same.
 */
export class SimulatedCluster implements Disposable {
  readonly faults: Faults
  readonly #state: ClusterState
  readonly #timers: Timers
  readonly #lines = new Set<ClientLine>()

  constructor(options: SimulatedClusterOptions) {
    const { clock, random = seededRandom(1), transactionVersion = 2 } = options
    this.#timers = new Timers(clock)
    const brokers = new Brokers(options.brokers ?? 1, random)
    this.#state = {
      clock,
      transactionVersion,
      brokers,
      topics: new Topics(brokers, transactionVersion),
      groups: new GroupCoordinator(
        this.#timers,
        options.sessionTimeoutMinMs ?? SESSION_TIMEOUT_MIN_MS,
      ),
      changes: new Changes(clock),
      transactions: new TransactionCoordinator({
        version: transactionVersion,
        markerDelayMs: options.markerDelayMs ?? 0,
        epochMax: options.epochMax ?? EPOCH_MAX,
        random,
        timers: this.#timers,
        writeMarker: (participant, marker) => this.#writeMarker(participant, marker),
      }),
    }
    this.faults = new Faults(clusterControls(this.#state, this.#lines))
  }

  /** A client of its own: what is closed or killed is this one only. */
  port(clientId: string): KafkaPort {
    const { clock, brokers, transactionVersion } = this.#state
    const line = new ClientLine({ clientId, clock, brokers, faults: this.faults })
    this.#lines.add(line)
    return {
      connect: () => line.connect(),
      close: () => {
        line.end()
        this.#lines.delete(line)
        return Promise.resolve()
      },
      capabilities: () => ({ transactionVersion }),
      ...dataRequests(this.#state, line),
      ...transactionRequests(this.#state, line),
      ...groupRequests(this.#state, line),
      ...topicRequests(this.#state, line),
    }
  }

  createTopic(
    name: string,
    partitions: number,
    configs: Readonly<Record<string, string>> = {},
  ): void {
    this.#state.topics.create([{ name, partitions, replicationFactor: -1, configs }])
  }

  /** As an administrator does; the topic then has this many. */
  addPartitions(name: string, count: number): void {
    this.#state.topics.addPartitions(name, count)
    this.#state.changes.notify()
  }

  /** The records of one partition as a correct reader of this isolation sees them. */
  records(topic: string, partition: number, isolation: Isolation): readonly RawRecord[] {
    const { log } = this.#partition({ topic, partition })
    const end = log.endFor(isolation)
    return log.batches
      .filter(({ header }) => !header.control && header.baseOffset < end)
      .filter(
        ({ header }) =>
          isolation === 'read_uncommitted' ||
          !header.transactional ||
          !log.isAborted(header.producerId, header.baseOffset),
      )
      .flatMap(({ bytes, header }) => {
        const records: RawRecord[] = []
        const cursor = new RecordCursor(bytes, 0, header)
        while (cursor.next()) {
          const { offset, timestampMs, key, value, headers } = cursor
          if (offset < log.startOffset) continue
          records.push({ topic, partition, offset, timestampMs, key, value, headers })
        }
        return records
      })
  }

  endOffset(topic: string, partition: number, isolation: Isolation = 'read_uncommitted'): Offset {
    return this.#partition({ topic, partition }).log.endFor(isolation)
  }

  leaderOf(topic: string, partition: number): number {
    return this.#partition({ topic, partition }).leader
  }

  /** Undefined for a group nobody ever joined or committed for. */
  groupState(groupId: string): SimulatedGroup | undefined {
    const entry = this.#state.groups.entryOf(groupId)
    if (entry === undefined) return undefined
    const { state, generation, protocol, leaderId, members } = entry.group
    return {
      state,
      generation,
      protocol,
      leaderId,
      members: members.map(({ memberId, instanceId, clientId }) => ({
        memberId,
        instanceId,
        clientId,
      })),
      offsets: entry.offsets.committed,
    }
  }

  transactionState(transactionalId: string): SimulatedTransaction | undefined {
    const transaction = this.#state.transactions.stateOf(transactionalId)
    if (transaction === undefined) return undefined
    const { state, producerId, epoch, participants } = transaction
    return {
      state,
      producerId,
      epoch,
      participants: [...participants.values()].map(participantKey),
    }
  }

  /**
   * Runs the log cleaner over every partition; batches may stay behind that have no record left.
   * What is younger than the topic's `min.compaction.lag.ms` is left alone.
   */
  compact(topic: string, options: CompactOptions = { tombstones: 'kept' }): void {
    const { topics, clock } = this.#state
    const lagMs = Number(topics.config(topic, 'min.compaction.lag.ms'))
    const untilMs = lagMs > 0 ? clock.nowMs() - lagMs : Infinity
    for (const { log } of topics.get(topic).partitions) log.compact(options, untilMs)
  }

  deleteRecordsBefore(topic: string, partition: number, before: Offset): void {
    this.#partition({ topic, partition }).log.deleteBefore(before)
  }

  /** Writes a batch as some other software may have left it, unchecked but for its CRC. */
  appendForeign(topic: string, partition: number, batch: Uint8Array): Offset {
    const offset = this.#partition({ topic, partition }).log.appendUnchecked(new Uint8Array(batch))
    this.#state.changes.notify()
    return offset
  }

  /** Ends every client and every timer. */
  [Symbol.dispose](): void {
    for (const line of this.#lines) line.end()
    this.#lines.clear()
    this.#timers.cancelAll()
  }

  #partition(partition: TopicPartition): Partition {
    return this.#state.topics.partition(partition)
  }

  #writeMarker(participant: Participant, marker: Marker): boolean {
    const { topics, groups, changes, clock, brokers } = this.#state
    if (participant.type === 'offsets') {
      groups.endTransaction(participant.groupId, marker)
    } else if (topics.has(participant.topic)) {
      const { log, leader } = topics.partition(participant)
      if (!brokers.isUp(leader)) return false
      log.appendMarker(marker, clock.nowMs())
      changes.notify()
    }
    return true
  }
}
