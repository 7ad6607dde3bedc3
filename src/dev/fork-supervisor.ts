import { fork } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { StreamsError } from '../core/errors.ts'
import { moduleUrl } from '../core/module-url.ts'
import { removeLeftover } from './leftovers.ts'

const supervisorFile = fileURLToPath(moduleUrl('./supervisor', import.meta.url))

/** Resolves when the supervisor listens. Neither it nor its channel keeps this process alive. */
export async function forkSupervisor(dataDir: string): Promise<void> {
  const log = join(dataDir, 'supervisor.log')
  const output = openSync(log, 'a')
  const supervisor = fork(supervisorFile, [dataDir], {
    cwd: dataDir,
    detached: true,
    execArgv: [],
    stdio: ['ignore', output, output, 'ipc'],
  })
  closeSync(output)
  const ended = once(supervisor, 'exit').then(() => true)
  if (await Promise.race([ended, once(supervisor, 'message').then(() => false)])) {
    throw new StreamsError('KAFKA_UNAVAILABLE', {
      message: `the supervisor of the embedded servers ended at once:\n${await readFile(log, 'utf8')}`,
      hint: 'Run it with Node 24.',
    })
  }
  // Killed itself, it cannot take the JVMs along: that falls to us, and to the next start.
  supervisor.once('exit', () => void removeLeftover(dataDir))
  supervisor.unref()
  supervisor.channel?.unref()
}
