import { assert, StreamsError } from '../core/errors.ts'
import type { TaskId } from '../core/task-id.ts'
import type { StateBackend } from '../state/backend.ts'
import { memoryBackend } from '../state/memory/memory-backend.ts'
import type { LocalStorage } from './thread/local-storage.ts'

/** A disk that outlives the processes that use it. */
export class Disk {
  readonly #backends = new Map<TaskId, StateBackend>()
  /** Tasks that a living process has open. */
  readonly #open = new Set<TaskId>()
  /** Tasks whose files cannot be opened, until they are wiped. */
  readonly corrupted = new Set<TaskId>()
  /** Tasks whose files can be opened and turn out to be broken when a row is read. */
  readonly brokenInside = new Set<TaskId>()
  /** Told after every write of a checkpoint, or of restored records. */
  onWrite = (): void => {}
  /** Every task that was wiped, in that order. */
  readonly wiped: TaskId[] = []

  /** For one process; after `unmount` it can write no more, as if it had been killed. */
  mount(): LocalStorage & { readonly unmount: () => void } {
    let mounted = true
    const mine = new Set<TaskId>()
    return {
      open: (task) => {
        assert(!mounted || !this.#open.has(task), `task ${task} is open in one thread at a time`)
        if (this.corrupted.has(task)) throw corrupted(task)
        if (mounted) this.#open.add(task)
        mine.add(task)
        const backend = this.backend(task)
        return {
          store: (name) => {
            const store = backend.store(name)
            return {
              ...store,
              get: (key) => {
                if (this.brokenInside.has(task)) throw corrupted(task)
                return store.get(key)
              },
            }
          },
          position: backend.position,
          origin: backend.origin,
          checkpoint: (batches) => {
            assert(!mounted || mine.has(task), 'a closed store is not written')
            if (!mounted) return
            backend.checkpoint(batches)
            this.onWrite()
          },
          wipe: (store) => {
            if (mounted) backend.wipe(store)
          },
          close: () => {
            if (mounted) this.#open.delete(task)
            mine.delete(task)
            return Promise.resolve()
          },
        }
      },
      wipe: (task) => {
        assert(!mine.has(task), 'an open store is not wiped')
        this.corrupted.delete(task)
        this.brokenInside.delete(task)
        this.wiped.push(task)
        if (mounted) this.#backends.delete(task)
      },
      tasks: () => [...this.#backends.keys()],
      unmount: () => {
        mounted = false
        for (const task of mine) this.#open.delete(task)
      },
    }
  }

  backend(task: TaskId): StateBackend {
    let backend = this.#backends.get(task)
    if (backend === undefined) {
      backend = memoryBackend()
      this.#backends.set(task, backend)
    }
    return backend
  }

  get tasks(): readonly TaskId[] {
    return [...this.#backends.keys()]
  }
}

const corrupted = (task: TaskId): StreamsError =>
  new StreamsError('STATE_CORRUPTED', {
    message: `the files of task ${task} are broken`,
    hint: 'None: the test ordered it.',
  })
