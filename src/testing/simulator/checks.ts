import type { RawRecord } from '../../core/record.ts'
import { topicPartitionKey } from '../../core/topic-partition.ts'
import type { SimulatedCluster } from '../../kafka/memory/simulated-cluster.ts'
import { diskState } from '../../runtime/simulation.fixtures.ts'
import type { Topology } from '../../topology/topology.ts'
import { exact, type SimulatedDisk } from './disk.ts'
import { PARTITIONS } from './scenario.ts'

/** What was ever committed, also what compaction has removed since. */
export class History {
  readonly #cluster: SimulatedCluster
  readonly #removed = new Map<string, readonly RawRecord[]>()
  /** Made when all is over. */
  readonly #rows = new Map<string, ReadonlySet<string>>()

  constructor(cluster: SimulatedCluster) {
    this.#cluster = cluster
  }

  readonly history = (topic: string, partition: number): readonly RawRecord[] => {
    let current: readonly RawRecord[]
    try {
      current = this.#cluster.records(topic, partition, 'read_committed')
    } catch {
      // Nobody has created it yet.
      return []
    }
    const removed = this.#removed.get(topicPartitionKey(topic, partition))
    if (removed === undefined) return current
    const all = new Map<number, RawRecord>()
    for (const record of [...removed, ...current]) all.set(record.offset, record)
    return [...all.values()].sort((a, b) => a.offset - b.offset)
  }

  committed(topic: string): readonly (readonly RawRecord[])[] {
    return Array.from({ length: PARTITIONS }, (_, partition) =>
      this.#cluster.records(topic, partition, 'read_committed'),
    )
  }

  compact(topic: string): void {
    const known = this.history(topic, 0).length + this.history(topic, 1).length
    if (known === 0) return
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      this.#removed.set(topicPartitionKey(topic, partition), this.history(topic, partition))
    }
    this.#cluster.compact(topic)
  }

  has(topic: string, partition: number, row: string): boolean {
    const name = topicPartitionKey(topic, partition)
    let rows = this.#rows.get(name)
    if (rows === undefined) {
      rows = new Set(
        this.history(topic, partition).map(
          ({ key, value }) =>
            `${exact(key ?? new Uint8Array())}: ${exact(value ?? new Uint8Array())}`,
        ),
      )
      this.#rows.set(name, rows)
    }
    return rows.has(row)
  }
}

/** Each local store, brought up to its changelog, is what the changelog comes to. */
export function stateProblems(
  history: History,
  disk: SimulatedDisk,
  topology: Topology,
): readonly string[] {
  const { restored, committed, uncommitted } = diskState(history, disk, topology)
  const problems = uncommitted.map((row) => `on disk, and never committed: ${row}`)
  for (const [store, rows] of Object.entries(committed)) {
    const local = restored[store] ?? {}
    for (const key of new Set([...Object.keys(rows), ...Object.keys(local)])) {
      if (rows[key] === local[key]) continue
      problems.push(`${store}: ${key} is ${local[key]} on disk and ${rows[key]} in Kafka`)
    }
  }
  return problems
}
