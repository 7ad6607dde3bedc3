import { assert, StreamsError } from '../core/errors.ts'
import type { TaskId } from '../core/task-id.ts'
import type { StateBackend } from '../state/backend.ts'
import { memoryBackend } from '../state/memory/memory-backend.ts'
import { isTask, type LocalStorage, type Place } from './thread/local-storage.ts'

/** A disk that outlives the processes that use it. */
export class Disk {
  readonly #backends = new Map<Place, StateBackend>()
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
            this.onWrite()
          },
          wipe: (store) => {
            if (mounted) backend.wipe(store)
          },
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
        if (mounted) this.#backends.delete(place)
      },
      tasks: () => this.tasks,
      unmount: () => {
        mounted = false
        for (const place of mine) this.#open.delete(place)
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
}

const corrupted = (place: Place): StreamsError =>
  new StreamsError('STATE_CORRUPTED', {
    message: `the files of ${place} are broken`,
    hint: 'None: the test ordered it.',
  })
