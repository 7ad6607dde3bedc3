import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** A `millrace run` in a process of its own, to be killed. */
export interface WorkerProcess extends AsyncDisposable {
  /** `SIGKILL`, and gone when it resolves. */
  readonly kill: () => Promise<void>
  /** `SIGTERM`; resolves to the exit code. */
  readonly stop: () => Promise<number | null>
  readonly signal: (signal: NodeJS.Signals) => void
  readonly pid: number | undefined
  /** Resolves to the exit code, or null when a signal ended it. */
  readonly exited: Promise<number | null>
  /** What it wrote so far, both streams, the end of it. */
  readonly output: () => string
  /** What a preloaded module has sent last. */
  readonly lastMessage: () => unknown
}

const OUTPUT_CHARACTERS_MAX = 100_000
const millrace = fileURLToPath(new URL('../../src/cli/millrace.mjs', import.meta.url))
/** Ends it when this process was killed. */
const leash = new URL('../../topologies/demo/leash.ts', import.meta.url).href
const node = ['--conditions=millrace-source', '--import', leash]

export function startWorker(
  topology: string,
  options: Readonly<Record<string, string>>,
  /** Modules that are loaded first. */
  preload: readonly string[] = [],
): WorkerProcess {
  const module = fileURLToPath(new URL(`../../${topology}`, import.meta.url))
  const flags = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value])
  const imports = preload.flatMap((url) => ['--import', url])
  const child = spawn(process.execPath, [...node, ...imports, millrace, 'run', module, ...flags], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  let lastMessage: unknown
  child.on('message', (message) => {
    lastMessage = message
  })
  let output = ''
  const collect = (bytes: Buffer): void => {
    output = `${output}${bytes.toString()}`.slice(-OUTPUT_CHARACTERS_MAX)
  }
  child.stdout?.on('data', collect)
  child.stderr?.on('data', collect)
  const exited = new Promise<number | null>((resolve) => {
    child.once('close', (code) => resolve(code))
  })
  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    child.kill(signal)
    return exited
  }
  return {
    pid: child.pid,
    exited,
    output: () => output,
    lastMessage: () => lastMessage,
    signal: (signal) => void child.kill(signal),
    stop: () => end('SIGTERM'),
    kill: async () => void (await end('SIGKILL')),
    [Symbol.asyncDispose]: async () => void (await end('SIGKILL')),
  }
}
