import { assert, StreamsError } from '../core/errors.ts'
import type { TaskId } from '../core/task-id.ts'
import type { StateBackend, StoreBatch } from '../state/backend.ts'
import { memoryBackend } from '../state/memory/memory-backend.ts'
import { isTask, type LocalStorage, type Place } from './thread/local-storage.ts'

/** A disk that outlives the processes that use it. */
export class Disk {
  readonly #backends = new Map<Place, StateBackend>()
  /** By store, of what was written to a place. */
  readonly #positions = new Map<Place, Map<string, number>>()
  /** What a living process has open. */
  readonly #open = new Set<Place>()
  /** Whose files cannot be opened, until they are wiped. */
  readonly corrupted = new Set<Place>()
  /** Whose files can be opened and turn out to be broken when a row is read. */
  readonly brokenInside = new Set<Place>()
  /** Told after every write of a checkpoint, or of restored records. */
  onWrite = (): void => {}
  /** What was wiped, in that order. */
  readonly wiped: Place[] = []

  /** For one process; after `unmount` it can write no more, as if it had been killed. */
  mount(): LocalStorage & { readonly unmount: () => void } {
    let mounted = true
    const mine = new Set<Place>()
    return {
      open: (place) => {
        assert(!mounted || !this.#open.has(place), `${place} is open in one thread at a time`)
        if (this.corrupted.has(place)) throw corrupted(place)
        if (mounted) this.#open.add(place)
        mine.add(place)
        const backend = this.backend(place)
        return {
          store: (name) => {
            const store = backend.store(name)
            return {
              ...store,
              get: (key) => {
                if (this.brokenInside.has(place)) throw corrupted(place)
                return store.get(key)
              },
            }
          },
          position: backend.position,
          origin: backend.origin,
          checkpoint: (batches) => {
            assert(!mounted || mine.has(place), 'a closed store is not written')
            if (!mounted) return
            backend.checkpoint(batches)
            this.#note(place, batches)
            this.onWrite()
          },
          wipe: (store) => {
            if (!mounted) return
            backend.wipe(store)
            this.#positions.get(place)?.delete(store)
          },
          diskBytes: backend.diskBytes,
          close: () => {
            if (mounted) this.#open.delete(place)
            mine.delete(place)
            return Promise.resolve()
          },
        }
      },
      wipe: (place) => {
        assert(!mine.has(place), 'an open store is not wiped')
        this.corrupted.delete(place)
        this.brokenInside.delete(place)
        this.wiped.push(place)
        if (!mounted) return
        this.#backends.delete(place)
        this.#positions.delete(place)
      },
      position: (task) =>
        [...(this.#positions.get(task)?.values() ?? [])].reduce((sum, each) => sum + each, 0),
      tasks: () => this.tasks,
      unmount: () => {
        mounted = false
        for (const place of mine) this.#open.delete(place)
      },
    }
  }

  #note(place: Place, batches: readonly StoreBatch[]): void {
    const positions = this.#positions.get(place) ?? new Map<string, number>()
    for (const { store, position } of batches) positions.set(store, position)
    this.#positions.set(place, positions)
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
}

const corrupted = (place: Place): StreamsError =>
  new StreamsError('STATE_CORRUPTED', {
    message: `the files of ${place} are broken`,
    hint: 'None: the test ordered it.',
  })
