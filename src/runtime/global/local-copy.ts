import type { Offset } from '../../core/record.ts'
import type { ByteEntry, StateBackend } from '../../state/backend.ts'

/** Ten digits, so that they are in order as bytes. */
const partitionKey = (partition: number): Buffer => Buffer.from(String(partition).padStart(10, '0'))

/**
 * The local copy of a global topic: rows, what they were made of, and how far each partition is in
 * them. All of it is written in one local transaction, so that a crash leaves rows and positions
 * that belong together.
 */
export class LocalCopy {
  readonly #backend: StateBackend
  readonly #store: string
  /** No store that a person named has a blank in its name. */
  readonly #places: string
  readonly #origin: string
  readonly #positions = new Map<number, Offset>()

  /** `origin`: what the rows are made of; a copy of something else is removed. */
  constructor(backend: StateBackend, store: string, origin: string) {
    this.#backend = backend
    this.#store = store
    this.#places = `${store} positions`
    this.#origin = origin
    if (backend.origin(store) === origin) this.#readPositions()
    else this.wipe()
  }

  #readPositions(): void {
    for (const [key, value] of this.#backend.store(this.#places).range(null, null, 'forward')) {
      const partition = Number(Buffer.from(key).toString())
      this.#positions.set(partition, Number(Buffer.from(value).toString()))
    }
  }

  /** Everything before it is in the rows; by partition. */
  get positions(): ReadonlyMap<number, Offset> {
    return this.#positions
  }

  /** Rows sorted by key, with the positions that they bring the copy to. */
  write(rows: readonly ByteEntry[], positions: ReadonlyMap<number, Offset>): void {
    const moved = [...positions].filter(([at, offset]) => this.#positions.get(at) !== offset)
    if (rows.length === 0 && moved.length === 0) return
    const places = moved
      .toSorted(([left], [right]) => left - right)
      .map(([at, offset]) => [partitionKey(at), Buffer.from(String(offset))] as const)
    // The one position of a store is of no use to a topic with many partitions.
    this.#backend.checkpoint([
      { store: this.#store, entries: rows, position: 0, origin: this.#origin },
      { store: this.#places, entries: places, position: 0 },
    ])
    for (const [partition, offset] of moved) this.#positions.set(partition, offset)
  }

  /** The rows go last, and their origin with them: without it they are taken for foreign ones. */
  wipe(): void {
    this.#positions.clear()
    this.#backend.wipe(this.#places)
    this.#backend.wipe(this.#store)
  }
}
