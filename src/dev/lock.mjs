// @ts-check
// Plain JavaScript, for bootstrap.mjs needs it on a Node that cannot read TypeScript.
import { randomBytes, randomInt } from 'node:crypto'
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const RETRY_MS_MAX = 150

/**
 * Runs `work` while no other process of this machine holds the lock called `name` in `folder`.
 *
 * Each process announces itself by a file of its own and then looks for others: two cannot both
 * miss each other, and since no file name is used twice, the file of a dead process can be removed
 * without a race (which taking over one shared lock file cannot offer). When the patience ends the
 * work runs without the lock: give `Infinity` unless it is correct alone and the lock only spares
 * work from being done twice.
 *
 * @template T
 * @param {string} folder
 * @param {string} name
 * @param {number} patienceMs
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withLock(folder, name, patienceMs, work) {
  await mkdir(folder, { recursive: true })
  const mine = `${name}.lock.${process.pid}.${randomBytes(6).toString('hex')}`
  const deadlineMs = performance.now() + patienceMs
  try {
    while (true) {
      await writeFile(join(folder, mine), '')
      if (!(await othersHold(folder, name, mine))) break
      if (performance.now() > deadlineMs) break
      await rm(join(folder, mine), { force: true })
      await sleep(10 + randomInt(RETRY_MS_MAX))
    }
    return await work()
  } finally {
    await rm(join(folder, mine), { force: true })
  }
}

/** @type {(folder: string, name: string, mine: string) => Promise<boolean>} */
async function othersHold(folder, name, mine) {
  const prefix = `${name}.lock.`
  let held = false
  for (const file of await readdir(folder)) {
    if (!file.startsWith(prefix) || file === mine) continue
    if (isAlive(Number(file.slice(prefix.length).split('.')[0]))) held = true
    else await rm(join(folder, file), { force: true })
  }
  return held
}

/** @type {(pid: number) => boolean} */
function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: it lives, and belongs to somebody else.
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'EPERM'
  }
}
