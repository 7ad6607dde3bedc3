import { open, type RootDatabase } from 'lmdb'
import { assert, StreamsError } from '../../core/errors.ts'
import type { Offset } from '../../core/record.ts'
import type { StateBackend, StoreBatch } from '../backend.ts'
import { checkDataFile, dataFileBytes } from './data-file.ts'
import { lmdbFailure } from './lmdb-errors.ts'
import { type Bytes, LmdbStore } from './lmdb-store.ts'
import { NotedPosition } from './noted-position.ts'

const STORES_MAX = 1_000
/** Beside the stores: positions, and who has it open. */
const OTHER_TABLES = 2
const OPENED = Buffer.from('opened')
const binary = { keyEncoding: 'binary', encoding: 'binary' } as const

/**
 * The state of one task in an LMDB environment: a sub-database a store, and one for the positions.
 * Throws `STATE_DIRECTORY_UNUSABLE` where the disk does not do it, and `STATE_CORRUPTED` where the
 * data is not what was written.
 *
 * Durability. A checkpoint is one LMDB transaction: its pages are flushed to the disk (fdatasync)
 * before the page of metadata that points to them is written, and that page is left to the
 * operating system (`noMetaSync`). After SIGKILL the last checkpoint is there, for the page cache
 * outlives the process. After a loss of power the last one may be missing, never half there, and
 * the changelog has it. One flush a checkpoint instead of two; `noSync`, without any, could leave
 * metadata that points to pages never written. lmdb-js's own `overlappingSync` flushes twice and on
 * its own terms.
 *
 * Whoever opens it last is its owner: an earlier one, which its group may have thrown out without
 * its knowledge, can read and no longer write (`TASK_MIGRATED`).
 */
export function openLmdbBackend(directory: string): StateBackend {
  return new LmdbBackend(directory)
}

class LmdbBackend implements StateBackend {
  readonly #directory: string
  readonly #environment: RootDatabase<Uint8Array, Uint8Array>
  readonly #positionsTable: Bytes
  readonly #ownersTable: Bytes
  /** How often it had been opened when this one was. */
  readonly #owner: number
  readonly #positions = new Map<string, Offset>()
  readonly #origins = new Map<string, string>()
  readonly #stores = new Map<string, LmdbStore>()
  readonly #noted: NotedPosition
  #isClosed = false
  /** After a failed write lmdb-js may touch a transaction that is not there: it is left alone. */
  #failure: StreamsError | undefined

  constructor(directory: string) {
    this.#directory = directory
    checkDataFile(directory)
    this.#noted = new NotedPosition(directory)
    this.#environment = this.#guard('opening it', () =>
      open<Uint8Array, Uint8Array>({
        path: directory,
        // Otherwise a directory with a dot in its name is taken for a file.
        noSubdir: false,
        maxDbs: STORES_MAX + OTHER_TABLES,
        overlappingSync: false,
        noMetaSync: true,
        ...binary,
      }),
    )
    try {
      this.#positionsTable = this.#open('positions')
      this.#ownersTable = this.#open('owners')
      this.#owner = this.#change('opening it', () =>
        this.#environment.transactionSync(() => this.#takeOver()),
      )
      this.#guard('reading its positions', () => this.#readPositions(this.#positionsTable))
    } catch (error) {
      void this.close()
      throw error
    }
  }

  readonly store = (name: string): LmdbStore => {
    let store = this.#stores.get(name)
    if (store === undefined) {
      store = new LmdbStore(this.#open(`store/${name}`), this.#guard)
      this.#stores.set(name, store)
    }
    return store
  }

  readonly position = (store: string): Offset | undefined => this.#positions.get(store)

  readonly origin = (store: string): string | undefined => this.#origins.get(store)

  readonly checkpoint = (batches: readonly StoreBatch[]): void => {
    // Most tasks are idle most of the time: no transaction, no flush of the disk for those.
    const changed = batches.filter((batch) => this.#isChange(batch))
    if (changed.length === 0) return
    const stores = changed.map(({ store }) => this.store(store))
    this.#write('writing a checkpoint', () => {
      changed.forEach(({ store, entries, position, origin = this.origin(store) }, index) => {
        stores[index]!.write(entries)
        const text = origin === undefined ? String(position) : `${position} ${origin}`
        this.#positionsTable.putSync(Buffer.from(store), Buffer.from(text))
      })
    })
    for (const { store, position, origin } of changed) {
      this.#positions.set(store, position)
      if (origin !== undefined) this.#origins.set(store, origin)
    }
    this.#noted.note(this.#total())
  }

  /** Of all stores. */
  #total(): Offset {
    let sum = 0
    for (const position of this.#positions.values()) sum += position
    return sum
  }

  #isChange({ store, entries, position, origin }: StoreBatch): boolean {
    const isElsewhere = position !== this.position(store)
    const isOther = origin !== undefined && origin !== this.origin(store)
    return entries.length > 0 || isElsewhere || isOther
  }

  readonly wipe = (name: string): void => {
    const store = this.store(name)
    this.#write(`wiping store "${name}"`, () => {
      store.clear()
      this.#positionsTable.removeSync(Buffer.from(name))
    })
    this.#positions.delete(name)
    this.#origins.delete(name)
    this.#noted.note(this.#total())
  }

  readonly diskBytes = (): number => dataFileBytes(this.#directory)

  readonly close = async (): Promise<void> => {
    if (this.#isClosed) return
    this.#isClosed = true
    if (this.#failure === undefined) this.#noted.write(this.#total())
    await this.#environment.close()
  }

  #readPositions(table: Bytes): void {
    for (const { key, value } of table.getRange()) {
      const store = Buffer.from(key).toString()
      const [position, ...origin] = Buffer.from(value).toString().split(' ')
      this.#positions.set(store, Number(position))
      if (origin.length > 0) this.#origins.set(store, origin.join(' '))
    }
  }

  #open(name: string): Bytes {
    return this.#change(`opening "${name}"`, () =>
      this.#environment.openDB<Uint8Array, Uint8Array>({ name, ...binary }),
    )
  }

  #write(doing: string, work: () => void): void {
    this.#change(doing, () =>
      this.#environment.transactionSync(() => {
        if (this.#lastOwner() !== this.#owner) throw takenOver(this.#directory)
        work()
      }),
    )
  }

  #takeOver(): number {
    const owner = this.#lastOwner() + 1
    this.#ownersTable.putSync(OPENED, Buffer.from(String(owner)))
    return owner
  }

  #lastOwner(): number {
    const stored = this.#ownersTable.getBinary(OPENED)
    return stored === undefined ? 0 : Number(Buffer.from(stored).toString())
  }

  #change<T>(doing: string, work: () => T): T {
    return this.#guard(doing, () => {
      try {
        return work()
      } catch (error) {
        this.#failure = lmdbFailure(this.#directory, doing, error)
        throw this.#failure
      }
    })
  }

  readonly #guard = <T>(doing: string, work: () => T): T => {
    assert(!this.#isClosed, 'a closed local store is not used')
    if (this.#failure !== undefined) throw this.#failure
    try {
      return work()
    } catch (error) {
      throw lmdbFailure(this.#directory, doing, error)
    }
  }
}

const takenOver = (directory: string): StreamsError =>
  new StreamsError('TASK_MIGRATED', {
    message: `another thread has opened the local store in ${directory}`,
    hint: 'Nothing to do: the task runs, or is followed, there.',
  })
