import { assert, StreamsError } from '../../core/errors.ts'
import type { Offset } from '../../core/record.ts'
import { parseTaskId, type TaskId } from '../../core/task-id.ts'
import { isTask, type LocalStorage, type Place } from '../../runtime/thread/local-storage.ts'
import type { StateBackend, StoreBatch } from '../../state/backend.ts'
import { memoryBackend } from '../../state/memory/memory-backend.ts'
import type { Trace } from './trace.ts'

/** A row that was written to a local store, to be looked for in the changelog at the end. */
export interface WrittenRow {
  readonly task: TaskId
  readonly store: string
  readonly row: string
}

/** A text of any bytes, from which they could be had back. */
export const exact = (bytes: Uint8Array): string =>
  Buffer.prototype.latin1Slice.call(bytes, 0, bytes.length)

/**
 * The disk of one machine: it outlives the processes that use it, and what was written to it is
 * remembered, so that the end can tell whether it was ever more than Kafka had committed.
 */
export class SimulatedDisk {
  readonly #backends = new Map<Place, StateBackend>()
  /** What was written, by task, store and row: bounded by what a run writes. */
  readonly written = new Map<string, WrittenRow>()
  readonly problems: string[] = []
  /** By store, of what was written to a task. */
  readonly #positions = new Map<Place, Map<string, Offset>>()
  /** No checkpoint can be written. */
  isFull = false
  /** Stores whose rows are the bytes of the changelog with a timestamp in front. */
  readonly #plainStores: ReadonlySet<string>

  /** How often each was. */
  readonly #opened = new Map<Place, number>()
  readonly #trace: Trace

  constructor(plainStores: ReadonlySet<string>, trace: Trace) {
    this.#plainStores = plainStores
    this.#trace = trace
  }

  /**
   * For one thread; after `unmount` it can write no more, as if it had been killed. Another thread
   * of its process may still have open what it opens: one that was thrown out of the group and has
   * not heard of it. As with LMDB, whoever has opened it last can write it.
   */
  mount(): LocalStorage & { readonly unmount: () => void } {
    let mounted = true
    const inUse = new Set<Place>()
    return {
      open: (place) => {
        const backend = this.backend(place)
        let open = true
        if (mounted && inUse.has(place)) {
          this.problems.push(`${place} is open, and is opened again`)
        }
        inUse.add(place)
        const owner = (this.#opened.get(place) ?? 0) + 1
        this.#opened.set(place, owner)
        const isMine = (): boolean => this.#opened.get(place) === owner
        this.#trace.note('disk', () => `${place} is opened`)
        return {
          ...backend,
          checkpoint: (batches) => {
            if (!mounted) return
            assert(open, `a closed store of ${place} is not written`)
            if (this.isFull) throw full(place)
            if (!isMine()) throw taken(place)
            this.#look(place, backend, batches)
            backend.checkpoint(batches)
          },
          wipe: (store) => {
            if (!mounted) return
            if (!isMine()) throw taken(place)
            backend.wipe(store)
            this.#positions.get(place)?.delete(store)
          },
          close: () => {
            open = false
            inUse.delete(place)
            this.#trace.note('disk', () => `${place} is closed`)
            return Promise.resolve()
          },
        }
      },
      wipe: (place) => {
        this.#trace.note('disk', () => `${place} is wiped`)
        if (!mounted) return
        this.#backends.delete(place)
        this.#positions.delete(place)
      },
      position: (task) =>
        [...(this.#positions.get(task)?.values() ?? [])].reduce((sum, each) => sum + each, 0),
      tasks: () => this.tasks,
      unmount: () => {
        mounted = false
      },
    }
  }

  backend(place: Place): StateBackend {
    let backend = this.#backends.get(place)
    if (backend === undefined) {
      backend = memoryBackend()
      this.#backends.set(place, backend)
    }
    return backend
  }

  get tasks(): readonly TaskId[] {
    return [...this.#backends.keys()].filter(isTask)
  }

  #look(place: Place, backend: StateBackend, batches: readonly StoreBatch[]): void {
    if (!isTask(place)) return
    const positions = this.#positions.get(place) ?? new Map<string, Offset>()
    this.#positions.set(place, positions)
    for (const { store, entries, position, origin } of batches) {
      this.#trace.note('disk', () => `${place} ${store}: ${entries.length} rows, to ${position}`)
      const before = backend.position(store)
      if (before !== undefined && position < before && origin === backend.origin(store)) {
        this.problems.push(`${place} ${store} went back from ${before} to ${position}`)
      }
      positions.set(store, position)
      if (!this.#plainStores.has(store)) continue
      for (const [key, value] of entries) {
        if (value === null) continue
        const row = `${exact(key)}: ${exact(value.subarray(8))}`
        this.written.set(`${place} ${store} ${row}`, { task: place, store, row })
      }
    }
  }

  /** Rows that the changelogs never had: they were not committed, or are of nobody. */
  uncommitted(isCommitted: (store: string, partition: number, row: string) => boolean): string[] {
    return [...this.written.values()]
      .filter(({ task, store, row }) => !isCommitted(store, parseTaskId(task).partition, row))
      .map(({ task, store, row }) => `${task} ${store} had ${row} on disk, which nobody committed`)
  }
}

/** How far a local store is; for a person who reads a trace. */
export const positionsOf = (
  backend: StateBackend,
  stores: Iterable<string>,
): readonly (Offset | undefined)[] => [...stores].map((store) => backend.position(store))

const taken = (place: Place): StreamsError =>
  new StreamsError('TASK_MIGRATED', {
    message: `another thread has opened ${place} since`,
    hint: 'None: the simulation ordered it.',
  })

const full = (place: Place): StreamsError =>
  new StreamsError('STATE_DIRECTORY_UNUSABLE', {
    message: `the disk is full, writing ${place}`,
    hint: 'None: the simulation ordered it.',
  })
