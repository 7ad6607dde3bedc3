import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { TaskId } from '../../core/task-id.ts'
import { openLmdbBackend } from '../../state/lmdb/lmdb-backend.ts'
import { notedPosition } from '../../state/lmdb/noted-position.ts'
import type { LocalStorage } from '../thread/local-storage.ts'

/** The persistent stores below a state directory; threads of one process share it. */
export function directoryStorage(path: string): LocalStorage {
  return {
    open: (place) => openLmdbBackend(join(path, place)),
    wipe: (place) => rmSync(join(path, place), { recursive: true, force: true }),
    position: (task) => notedPosition(join(path, task)),
    tasks: () => readdirSync(path).filter((name): name is TaskId => /^\d+_\d+$/.test(name)),
  }
}
