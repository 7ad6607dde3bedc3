import { existsSync, linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { StreamsError } from '../../core/errors.ts'

/**
 * Keeps two processes out of one state directory. The lock is a file that names its owner; one
 * whose owner is gone, as after `kill -9`, is taken over.
 */
export class ProcessLock implements Disposable {
  readonly #file: string
  readonly #content: string

  private constructor(file: string, content: string) {
    this.#file = file
    this.#content = content
  }

  static acquire(file: string): ProcessLock {
    const content = JSON.stringify(identityOf(process.pid))
    const draft = `${file}.${process.pid}`
    writeFileSync(draft, content)
    try {
      while (!linked(draft, file)) {
        const owner = read(file)
        if (owner !== undefined && isAlive(owner)) throw locked(file, owner)
        setAside(file, owner)
      }
    } finally {
      rmSync(draft, { force: true })
    }
    return new ProcessLock(file, content)
  }

  [Symbol.dispose](): void {
    if (read(this.#file) === this.#content) rmSync(this.#file, { force: true })
  }
}

/** Creates the lock with its content in one step; false when there is one. */
function linked(draft: string, file: string): boolean {
  try {
    linkSync(draft, file)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  }
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}

/** Removes a dead owner's lock, but not one that somebody took over in the meantime. */
function setAside(file: string, dead: string | undefined): void {
  const aside = `${file}.stale.${process.pid}`
  try {
    renameSync(file, aside)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return
    // For ever to be tried again: it is not ours to remove.
    throw error
  }
  if (read(aside) !== dead && !existsSync(file)) linked(aside, file)
  rmSync(aside, { force: true })
}

interface Identity {
  readonly pid: number
  /** When the process started, as the system counts; a process id alone may be used again. */
  readonly started: string
}

function identityOf(pid: number): Identity {
  const stat = read(`/proc/${pid}/stat`)
  const boot = read('/proc/sys/kernel/random/boot_id')?.trim() ?? ''
  // The name in parentheses may hold blanks; the start time is the 20th field after it.
  const started = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
  return { pid, started: `${boot}/${started}` }
}

function isAlive(content: string): boolean {
  try {
    const { pid, started } = JSON.parse(content) as Identity
    if (identityOf(pid).started !== started) return false
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

const locked = (file: string, owner: string): StreamsError =>
  new StreamsError('STATE_DIRECTORY_LOCKED', {
    message: `process ${(JSON.parse(owner) as Identity).pid} works in this state directory: it holds ${file}`,
    hint: 'Give each process a state directory of its own (--state-dir), or wait until the other one has stopped.',
  })
