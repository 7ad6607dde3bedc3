import { fork, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'

/** One running copy of the service. */
export interface Instance {
  /** Where it runs, for a person. */
  readonly place: string
  /** The application's state, as it last said. */
  readonly state: () => string
  /** As `kill -9`: no chance to say good-bye. */
  readonly kill: () => Promise<void>
  /** Finish, commit, leave. */
  readonly stop: () => Promise<void>
  /** Why it ended by itself; undefined while it runs or when it was told to end. */
  readonly failure: () => string | undefined
}

const millrace = fileURLToPath(new URL('../../src/cli/millrace.mjs', import.meta.url))
const root = fileURLToPath(new URL('../..', import.meta.url))
const leash = new URL('./leash.ts', import.meta.url).href

/** A process of its own: `millrace run` with the module of a topology. */
export function startProcess(file: string, brokers: readonly string[], stateDir: string): Instance {
  const child = fork(
    millrace,
    [
      'run',
      join(root, file),
      ...['--brokers', brokers.join(',')],
      ...['--state-dir', stateDir],
      // A restart within the session timeout takes its tasks over at once.
      ...['--instance-id', 'demo'],
      ...['--session-timeout', '6s'],
      ...['--log-format', 'json'],
    ],
    {
      // Beyond the reach of the terminal's Ctrl-C: the demo stops it when it has done its work.
      detached: true,
      execArgv: ['--conditions=millrace-source', '--import', leash],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: ownEnvironment(),
    },
  )
  let state = 'starting'
  let failure: string | undefined
  let told = false
  let errors = ''
  createInterface({ input: child.stdout as Readable }).on('line', (line) => {
    state = stateIn(line) ?? state
  })
  child.stderr?.on('data', (bytes: Buffer) => {
    errors = `${errors}${bytes.toString()}`.slice(-4_000)
  })
  // Not at `exit`: its last words may still be on their way then.
  child.on('close', (code, signal) => {
    if (!told) failure = errors.trim().replace(/^error /, '') || signal || `exit code ${code}`
  })
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    told = true
    await ended(child, signal)
  }
  return {
    place: `process ${child.pid}`,
    state: () => state,
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
    failure: () => failure,
  }
}

/** Without options meant for a service of the user's own. */
const ownEnvironment = (): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('MILLRACE_')))

function stateIn(line: string): string | undefined {
  try {
    const { state } = JSON.parse(line) as { readonly state?: unknown }
    return typeof state === 'string' ? state : undefined
  } catch {
    return undefined
  }
}

function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
  return new Promise((resolve) => {
    child.once('exit', () => resolve())
    child.kill(signal)
  })
}
