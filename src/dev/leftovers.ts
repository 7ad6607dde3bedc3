import { readdir, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock } from '../core/clock.ts'
import { temporaryFolder } from './environment.ts'
import { runProgram } from './run-program.ts'
import { command } from './supervisor-control.ts'

export const DATA_FOLDER_PREFIX = 'millrace-kafka-'

/** A younger folder may belong to a supervisor that is not listening yet. */
const FOUNDLING_MS = 60_000

/** Removes what supervisors that were themselves killed have left: data folders, even JVMs. */
export async function sweepLeftovers(): Promise<void> {
  for (const name of await readdir(temporaryFolder())) {
    if (!name.startsWith(DATA_FOLDER_PREFIX)) continue
    const dataDir = join(temporaryFolder(), name)
    const found = await stat(dataDir).catch(() => undefined)
    if (found === undefined || found.uid !== process.getuid?.()) continue
    if (systemClock.nowMs() - found.mtimeMs < FOUNDLING_MS) continue
    if ((await command(dataDir, { type: 'status' })) === undefined) await removeLeftover(dataDir)
  }
}

/** The folder of a supervisor that is gone, and the JVMs that it could not take along. */
export async function removeLeftover(dataDir: string): Promise<void> {
  for (const file of await readdir(dataDir).catch(() => [])) {
    if (!file.endsWith('.pid')) continue
    const pid = Number(await readFile(join(dataDir, file), 'utf8').catch(() => ''))
    // The number may have been given to another process since: a node of ours names its folder.
    if (pid > 1 && (await commandLine(pid)).includes(`${dataDir}/`)) process.kill(pid, 'SIGKILL')
  }
  await rm(dataDir, { recursive: true, force: true, maxRetries: 3 })
}

async function commandLine(pid: number): Promise<string> {
  try {
    return await readFile(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    const { output } = await runProgram('ps', ['-o', 'command=', '-p', String(pid)], 5_000)
    return output
  }
}
