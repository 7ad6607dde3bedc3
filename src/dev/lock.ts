import { randomBytes } from 'node:crypto'
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock } from '../core/clock.ts'
import { systemRandom } from '../core/random.ts'

const RETRY_MS_MAX = 150

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/**
 * Runs `work` while no other process of this machine holds the lock called `name` in `folder`.
 *
 * Each process announces itself by a file of its own and then looks for others: two cannot both
 * miss each other, and since no file name is used twice, the file of a dead process can be removed
 * without a race (which taking over one shared lock file cannot offer). After `patienceMs` the work
 * runs without the lock, so it must be correct alone and use the lock only to spare double work,
 * unless the patience is endless.
 */
export async function withLock<T>(
  folder: string,
  name: string,
  patienceMs: number,
  work: () => Promise<T>,
): Promise<T> {
  await mkdir(folder, { recursive: true })
  const mine = `${name}.lock.${process.pid}.${randomBytes(6).toString('hex')}`
  const deadlineMs = systemClock.nowMs() + patienceMs
  try {
    while (true) {
      await writeFile(join(folder, mine), '')
      if (!(await othersHold(folder, name, mine))) break
      if (systemClock.nowMs() > deadlineMs) break
      await rm(join(folder, mine), { force: true })
      await systemClock.sleep(10 + systemRandom() * RETRY_MS_MAX)
    }
    return await work()
  } finally {
    await rm(join(folder, mine), { force: true })
  }
}

async function othersHold(folder: string, name: string, mine: string): Promise<boolean> {
  let held = false
  for (const file of await readdir(folder)) {
    if (!file.startsWith(`${name}.lock.`) || file === mine) continue
    const pid = Number(file.slice(name.length + '.lock.'.length).split('.')[0])
    if (isAlive(pid)) held = true
    else await rm(join(folder, file), { force: true })
  }
  return held
}
