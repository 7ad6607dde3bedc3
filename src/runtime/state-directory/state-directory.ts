import { randomUUID } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { isStreamsError, messageOf, StreamsError } from '../../core/errors.ts'
import { ProcessLock } from './process-lock.ts'

/**
 * `<state dir>/<application id>`: one process's local state.
 *
 *     lock           who uses it
 *     process-id     a name that survives restarts: transactional ids are made of it
 *     0_3/           the persistent stores of task 0_3, and how far they are
 *     global-1/      the global stores of thread 1
 */
export interface StateDirectory extends Disposable {
  readonly path: string
  readonly processId: string
}

/** `globals`: how many threads keep global stores, if known: what others kept is removed. */
export function openStateDirectory(
  stateDir: string,
  applicationId: string,
  globals = Infinity,
): StateDirectory {
  const path = join(stateDir, applicationId)
  let lock: ProcessLock | undefined
  try {
    makeFolder(path)
    const own = (lock = ProcessLock.acquire(join(path, 'lock')))
    removeUnusedGlobals(path, globals)
    return { path, processId: processIdIn(path), [Symbol.dispose]: () => own[Symbol.dispose]() }
  } catch (error) {
    lock?.[Symbol.dispose]()
    if (isStreamsError(error)) throw error
    throw new StreamsError('STATE_DIRECTORY_UNUSABLE', {
      message: `the state directory ${path} cannot be used: ${messageOf(error)}`,
      hint: 'Give --state-dir a directory on a disk with space that this user may write.',
      cause: error,
    })
  }
}

/** They are read from Kafka again if such a thread comes back. */
function removeUnusedGlobals(path: string, threads: number): void {
  for (const name of readdirSync(path)) {
    const thread = /^global-(\d+)$/.exec(name)?.[1]
    if (thread === undefined || Number(thread) < threads) continue
    rmSync(join(path, name), { recursive: true, force: true })
  }
}

/** Step by step: with `recursive` Node tries for ever where the system says ENOENT, as in /proc. */
function makeFolder(path: string): void {
  if (existsSync(path)) return
  makeFolder(dirname(path))
  try {
    mkdirSync(path)
  } catch (error) {
    // Another process makes the same folder.
    if (!existsSync(path)) throw error
  }
}

function processIdIn(path: string): string {
  const file = join(path, 'process-id')
  if (existsSync(file)) {
    const id = readFileSync(file, 'utf8').trim()
    if (/^[0-9a-f-]{36}$/.test(id)) return id
  }
  const id = randomUUID()
  // Written aside and renamed: a crash leaves the old name or the new one, never half of one.
  writeFileSync(`${file}.new`, id)
  renameSync(`${file}.new`, file)
  return id
}
