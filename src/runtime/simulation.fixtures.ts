/** What the tests of this room share: threads on a simulated cluster, on a clock moved by hand. */
import { ManualClock } from '../core/manual-clock.ts'
import { noHeaders, type Headers, type RawRecord } from '../core/record.ts'
import { parseTaskId, type TaskId } from '../core/task-id.ts'
import { topicPartitionKey } from '../core/topic-partition.ts'
import {
  SimulatedCluster,
  type SimulatedClusterOptions,
} from '../kafka/memory/simulated-cluster.ts'
import type { KafkaPort } from '../kafka/port.ts'
import { BatchBuilder } from '../kafka/wire/batch-builder.ts'
import { partitionForKey } from '../kafka/wire/murmur2.ts'
import type { SessionStoreSpec, WindowStoreSpec } from '../state/store-spec.ts'
import { byTimeOf, isByKey, SEQUENCE_KEY } from '../state/timers/timer-layout.ts'
import { RowLayout } from '../state/window/row-layout.ts'
import { PROGRESS_KEY, progressKeyOf } from '../state/window/saved-progress.ts'
import type { Topology } from '../topology/topology.ts'
import type { Disk } from './disk.fixtures.ts'
import { versionsNotIn, versionsOf } from './versioned-disk.fixtures.ts'
import { Life, type LifeOptions, type Note } from './life.fixtures.ts'

export { Disk } from './disk.fixtures.ts'

export const bytesOf = (text: string | Uint8Array): Uint8Array => Buffer.from(text)
export const textOf = (bytes: Uint8Array | null): string | null =>
  bytes === null ? null : Buffer.from(bytes).toString()

/** Where simulated time begins; records of a test are best dated before it. */
export const START_MS = 1_700_000_000_000

/** A run that takes longer than this of simulated time has got stuck. */
const STUCK_AFTER_MS = 600_000

export interface InputRecord {
  readonly topic: string
  readonly key: string | null
  readonly value: string | null
  readonly timestampMs: number
  readonly headers?: Headers
}

/** A record whose value may be no text. */
export interface RawInputRecord extends Omit<InputRecord, 'value'> {
  readonly value: string | Uint8Array | null
}

export class Simulation implements Disposable {
  readonly clock = new ManualClock(START_MS)
  readonly cluster: SimulatedCluster
  readonly lives: Life[] = []
  readonly #runners = new Map<TaskId, Set<Life>>()
  readonly #overlaps: string[] = []
  readonly #removed = new Map<string, readonly RawRecord[]>()

  constructor(options: Partial<SimulatedClusterOptions> = {}) {
    this.cluster = new SimulatedCluster({
      clock: this.clock,
      sessionTimeoutMinMs: 100,
      ...options,
    })
  }

  /** Starts a thread; it runs while the clock is moved. */
  start(options: LifeOptions): Life {
    const life = new Life(options, this.cluster, this.clock, (by, note) => this.#observe(by, note))
    this.lives.push(life)
    return life
  }

  /** Tasks that ran in two threads at a time, where neither was dead. */
  get overlaps(): readonly string[] {
    return this.#overlaps
  }

  #observe(life: Life, { message, fields }: Note): void {
    const task = fields.task as TaskId
    if (message === 'task closed') this.#runners.get(task)?.delete(life)
    if (message !== 'task running') return
    const runners = this.#runners.get(task) ?? new Set()
    const others = [...runners].filter((each) => !each.isDead)
    for (const { clientId } of others) {
      this.#overlaps.push(`${task} in ${clientId} and ${life.clientId}`)
    }
    this.#runners.set(task, runners.add(life))
  }

  async connect(clientId: string): Promise<KafkaPort> {
    const port = this.cluster.port(clientId)
    await port.connect()
    return port
  }

  /** Puts records into their topics, by key where they have one, at this very moment. */
  write(records: readonly RawInputRecord[], partitions = 2): void {
    for (const { topic, key, value, timestampMs, headers = noHeaders } of records) {
      const builder = new BatchBuilder(256)
      const keyBytes = key === null ? null : bytesOf(key)
      builder.append(timestampMs, keyBytes, value === null ? null : bytesOf(value), headers)
      const partition = keyBytes === null ? 0 : partitionForKey(keyBytes, partitions)
      const batch = builder.finish({
        producerId: -1,
        epoch: -1,
        baseSequence: -1,
        transactional: false,
        compression: 'none',
      })
      this.cluster.appendForeign(topic, partition, batch)
    }
  }

  /** Waits in simulated time; rejects when it does not come true. */
  async until(holds: () => boolean, what: string, everyMs = 10): Promise<void> {
    const giveUpAtMs = this.clock.nowMs() + STUCK_AFTER_MS
    while (!holds()) {
      if (this.clock.nowMs() >= giveUpAtMs) {
        const seen = this.lives.map(({ clientId, thread }) => [clientId, thread.snapshot()])
        throw new Error(`never: ${what}; ${JSON.stringify(seen)}`)
      }
      await this.clock.sleep(everyMs)
    }
  }

  /** Ends every thread cleanly, and lets the last markers reach their partitions. */
  async stopAll(): Promise<void> {
    const failures: unknown[] = []
    for (const life of this.lives) failures.push(await life.stop())
    const failure = failures.find((each) => each !== undefined)
    if (failure !== undefined) throw failure
    await this.clock.sleep(2_000)
  }

  /** Whether the group has committed everything that is in these topics. */
  hasCommitted(groupId: string, topics: readonly string[], partitions = 2): boolean {
    const offsets = this.cluster.groupState(groupId)?.offsets
    return topics.every((topic) =>
      Array.from({ length: partitions }, (_, partition) => partition).every((partition) => {
        const end = this.cluster.endOffset(topic, partition)
        return end === 0 || offsets?.get(`${topic}-${partition}`) === end
      }),
    )
  }

  /** As `kafka-consumer-groups.sh --reset-offsets --to-current`: what goes with offsets is gone. */
  async resetToCurrent(groupId: string, topic: string, partitions = 2): Promise<void> {
    const port = await this.connect('somebody')
    const outside = { groupId, memberId: '', generation: -1, instanceId: null }
    const committed = this.cluster.groupState(groupId)?.offsets
    const offsets = Array.from({ length: partitions }, (_, partition) => {
      const offset = committed?.get(`${topic}-${partition}`) ?? 0
      return { topic, partition, offset, metadata: '' }
    })
    await port.offsetCommit(outside, offsets)
  }

  /** What a read-committed consumer sees, partition by partition. */
  committed(topic: string, partitions = 2): readonly (readonly RawRecord[])[] {
    return Array.from({ length: partitions }, (_, partition) =>
      this.cluster.records(topic, partition, 'read_committed'),
    )
  }

  /** Every committed record of a partition, also those that compaction has removed by now. */
  history(topic: string, partition: number): readonly RawRecord[] {
    const current = this.cluster.records(topic, partition, 'read_committed')
    const all = new Map<number, RawRecord>()
    const removed = this.#removed.get(topicPartitionKey(topic, partition)) ?? []
    for (const record of [...removed, ...current]) all.set(record.offset, record)
    return [...all.values()].sort((a, b) => a.offset - b.offset)
  }

  compact(topic: string, partitions = 2): void {
    for (let partition = 0; partition < partitions; partition += 1) {
      const key = topicPartitionKey(topic, partition)
      this.#removed.set(key, this.history(topic, partition))
    }
    this.cluster.compact(topic)
  }

  /** A changelog folded into what a store must hold. */
  folded(topic: string, partitions = 2): Rows {
    return fold(this.committed(topic, partitions).flat())
  }

  [Symbol.dispose](): void {
    for (const life of this.lives) life.crash()
    this.cluster[Symbol.dispose]()
  }
}

type Rows = Readonly<Record<string, string>>

interface DiskState {
  /** What a store comes to when it is restored now. */
  readonly restored: Record<string, Rows>
  /** What it must come to: all changes that are committed. */
  readonly committed: Record<string, Rows>
  /** Rows that were never committed in Kafka; there must be none. */
  readonly uncommitted: readonly string[]
}

/** A disk, store by store, against the changelogs. */
export function diskState(
  simulation: Pick<Simulation, 'history'>,
  disk: Pick<Disk, 'tasks' | 'backend'>,
  { name, subTopologies, stores }: Topology,
): DiskState {
  const restored: Record<string, Rows> = {}
  const committed: Record<string, Rows> = {}
  const uncommitted: string[] = []
  for (const task of disk.tasks) {
    const backend = disk.backend(task)
    const { subTopology, partition } = parseTaskId(task)
    for (const store of subTopologies[subTopology]?.stores ?? []) {
      const kind = stores.get(store)?.kind
      // Each copy lets their rows expire at its own pace.
      if (kind === 'window' || kind === 'session') continue
      const position = backend.position(store) ?? 0
      const changes = simulation.history(`${name}-${store}-changelog`, partition)
      const spec = stores.get(store)
      if (spec?.kind === 'versioned') {
        const bytes = backend.store(store)
        const tail = changes.filter(({ offset }) => offset >= position)
        restored[`${task} ${store} from ${position}`] = versionsOf(spec, bytes, tail)
        committed[`${task} ${store} from ${position}`] = versionsOf(spec, undefined, changes)
        uncommitted.push(...versionsNotIn(changes, spec, bytes))
        continue
      }
      const known = new Set(changes.map(({ key, value }) => `${exact(key)}: ${exact(value)}`))
      const local = [...backend.store(store).range(null, null, 'forward')]
      const isTimers = spec?.kind === 'timers'
      const isWindowed = spec?.kind === 'window' || spec?.kind === 'session'
      const ofKind = isWindowed ? windowRows(spec, local) : plainRows(local)
      const rows = isTimers ? timerRows(local) : ofKind
      for (const [key, value] of rows) {
        if (!known.has(`${key}: ${value}`)) uncommitted.push(`${task} ${store} ${key}: ${value}`)
      }
      const tail = changes.filter(({ offset }) => offset >= position)
      const label = `${task} ${store} from ${position}`
      restored[label] = fold(tail, exact, rows)
      committed[label] = fold(changes, exact)
      if (!isTimers) continue
      restored[`${label}, by time`] = timesOf(local, tail)
      committed[`${label}, by time`] = timesOf([], changes)
    }
  }
  return { restored, committed, uncommitted }
}

type Local = readonly (readonly [key: Uint8Array, value: Uint8Array])[]
type TextRows = readonly (readonly [key: string, value: string])[]

/** A text of any bytes, from which they could be had back. */
const exact = (bytes: Uint8Array | null): string | null =>
  bytes === null ? null : Buffer.from(bytes).toString('latin1')

/** Without the timestamp in front of each value. */
const plainRows = (local: Local): TextRows =>
  local.map(([key, value]) => [exact(key) ?? '', exact(value.subarray(8)) ?? ''])

/** As they are in the changelog, where the key comes before the time; none has expired. */
function windowRows(spec: WindowStoreSpec | SessionStoreSpec, local: Local): TextRows {
  const layout = new RowLayout<unknown>(spec as unknown as WindowStoreSpec<unknown, never>)
  return local.map(([key, value]) =>
    PROGRESS_KEY.equals(key)
      ? [exact(progressKeyOf(spec.kind === 'session')) ?? '', exact(value) ?? '']
      : [exact(layout.toChangelog(key)) ?? '', exact(value.subarray(8)) ?? ''],
  )
}

/** Those that are in the changelog too. */
const timerRows = (local: Local): TextRows =>
  local
    .filter(([key]) => isByKey(key) || Buffer.compare(key, SEQUENCE_KEY) === 0)
    .map(([key, value]) => [exact(key) ?? '', exact(value) ?? ''])

/** The rows by time that a timer store has, or comes to when it is restored. */
function timesOf(local: Local, changes: readonly RawRecord[]): Rows {
  const times = new Set(
    local
      .map(([key]) => exact(key) ?? '')
      .filter((row) => row.startsWith('\x01') || row.startsWith('\x02')),
  )
  for (const { key, value } of changes) {
    const byTime = key !== null && isByKey(key) ? byTimeOf(exact(key) ?? '') : ''
    if (byTime === '') continue
    if (value === null) times.delete(byTime)
    else times.add(byTime)
  }
  return Object.fromEntries([...times].sort().map((row) => [row, '']))
}

function fold(
  changes: readonly RawRecord[],
  read: (bytes: Uint8Array | null) => string | null = textOf,
  before: Iterable<readonly [string, string]> = [],
): Rows {
  const rows = new Map<string, string>(before)
  for (const { key, value } of changes) {
    const name = read(key) ?? ''
    if (value === null) rows.delete(name)
    else rows.set(name, read(value) ?? '')
  }
  return Object.fromEntries(rows)
}
