import type { Offset } from '../../core/record.ts'
import type { Fetcher } from '../../kafka/client/fetcher.ts'
import type { RecordRun } from '../../kafka/client/record-run.ts'
import type { ByteEntry } from '../../state/backend.ts'
import type { Restoration, TaskStores } from '../task/task-stores.ts'

/** What a row that waits takes beside its bytes. A guess. */
const ENTRY_OVERHEAD_BYTES = 64

/** At any of these, what is replayed is written in one local transaction. */
export interface ReplayBounds {
  readonly rowsMax: number
  readonly bytesMax: number
  /** Of fetched buffers, which rows that are not written yet keep in memory. */
  readonly readBytesMax: number
}

/**
 * A changelog on its way into the local store, bytes to bytes: what was read of it and is not
 * written yet, the last row of each key only.
 */
export class StoreReplay {
  readonly store: string
  readonly topic: string
  readonly partition: number
  readonly #stores: TaskStores
  /** Everything before it was read. */
  #at: Offset
  #restored = 0
  #timestampMs = -1
  /** By the key's bytes as text. */
  readonly #pending = new Map<string, ByteEntry>()
  #pendingBytes = 0
  #readBytes = 0
  /** Is being read. */
  #run: RecordRun | undefined
  #isWritten = true

  constructor(stores: TaskStores, { store, topic, partition }: Restoration, at: Offset) {
    this.#stores = stores
    this.store = store
    this.topic = topic
    this.partition = partition
    this.#at = at
  }

  get at(): Offset {
    return this.#at
  }

  /** Records so far. */
  get restored(): number {
    return this.#restored
  }

  /** The latest of the records; -1 before the first one. */
  get timestampMs(): number {
    return this.#timestampMs
  }

  /**
   * Reads what has arrived, at most so many records and while `until` is not reached; returns how
   * many it was. Throws what stopped the fetcher, and what the local storage does.
   */
  take(fetcher: Fetcher, recordsMax: number, until: Offset, bounds: ReplayBounds): number {
    let records = 0
    while (records < recordsMax && this.#at < until) {
      if (this.#run === undefined) {
        this.#run = fetcher.take(this.topic, this.partition)
        if (this.#run === undefined) break
        this.#readBytes += this.#run.sizeBytes
      }
      const read = this.#read(this.#run, recordsMax - records)
      records += read
      this.#restored += read
      if (this.#isFull(bounds)) this.write()
    }
    return records
  }

  #isFull({ rowsMax, bytesMax, readBytesMax }: ReplayBounds): boolean {
    const isFull = this.#pending.size >= rowsMax || this.#pendingBytes >= bytesMax
    return isFull || this.#readBytes >= readBytesMax
  }

  #read(run: RecordRun, recordsMax: number): number {
    let records = 0
    this.#isWritten = false
    while (records < recordsMax) {
      if (!run.next()) {
        this.#run = undefined
        this.#at = run.endOffset
        break
      }
      records += 1
      if (run.key !== null) {
        const { key, value, timestampMs } = run
        if (timestampMs > this.#timestampMs) this.#timestampMs = timestampMs
        this.#add(run, this.#stores.restoredEntry(this.store, key, value, timestampMs))
      }
      this.#at = run.offset + 1
    }
    return records
  }

  #add({ key, value }: RecordRun, entry: ByteEntry | undefined): void {
    const before = this.#pending.size
    if (entry !== undefined) {
      const [row] = entry
      this.#pending.set(Buffer.prototype.latin1Slice.call(row, 0, row.length), entry)
      if (this.#pending.size === before) return
    }
    const bytes = (entry?.[0] ?? key ?? nothing).length + (entry?.[1] ?? value ?? nothing).length
    this.#pendingBytes += bytes + ENTRY_OVERHEAD_BYTES
  }

  /** Writes what was read, with the position that it brings the store to; false: nothing was. */
  write(): boolean {
    if (this.#isWritten) return false
    const entries = [...this.#pending.values()].sort(([a], [b]) => Buffer.compare(a, b))
    this.#stores.restore(this.store, entries, this.#at)
    this.#clear()
    return true
  }

  /** The local copy is of no use any more. */
  wipe(): void {
    this.#stores.wipe(this.store)
    this.#run = undefined
    this.#clear()
  }

  /** To be called once the store is empty. */
  moveTo(offset: Offset): void {
    this.#at = offset
  }

  #clear(): void {
    this.#pending.clear()
    this.#pendingBytes = 0
    this.#readBytes = 0
    this.#isWritten = true
  }
}

const nothing = new Uint8Array(0)
