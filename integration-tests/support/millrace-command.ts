import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const repository = fileURLToPath(new URL('../..', import.meta.url))
const cli = join(repository, 'src/cli/millrace.mjs')

/** How a process ended, and all that it wrote. */
export interface Finished {
  /** Null when a signal ended it. */
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface CommandOptions {
  readonly cwd?: string
  /** Over the environment of the tests, which loses its own `MILLRACE_…`; undefined removes. */
  readonly env?: Readonly<Record<string, string | undefined>>
}

/** A process that runs until it ends or is ended. */
export interface Running extends AsyncDisposable {
  readonly finished: Promise<Finished>
  readonly signal: (signal: NodeJS.Signals) => void
  /** What it wrote so far. */
  readonly stdout: () => string
  readonly stderr: () => string
  /** Resolves when its standard output holds the words; rejects when it ends without. */
  readonly says: (words: string) => Promise<void>
}

export function environment(over: CommandOptions['env'] = {}): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('MILLRACE_'))
  return { ...Object.fromEntries(own), ...over }
}

export function start(
  file: string,
  args: readonly string[],
  { cwd = repository, env }: CommandOptions = {},
): Running {
  const stdio = ['ignore', 'pipe', 'pipe'] as const
  const child = spawn(file, args, { cwd, env: environment(env), stdio: [...stdio] })
  const text = { stdout: '', stderr: '' }
  const waiting = new Set<() => void>()
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (chunk: string) => {
      text[name] += chunk
      for (const look of waiting) look()
    })
  }
  const finished = new Promise<Finished>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, ...text }))
  })
  return {
    finished,
    signal: (signal) => void child.kill(signal),
    stdout: () => text.stdout,
    stderr: () => text.stderr,
    says: async (words) => {
      const said = Promise.withResolvers<undefined>()
      const look = (): void => {
        if (text.stdout.includes(words)) said.resolve(undefined)
      }
      waiting.add(look)
      look()
      const ended = await Promise.race([said.promise, finished])
      waiting.delete(look)
      if (ended !== undefined) throw new Error(`it never said "${words}": ${ended.stderr}`)
    },
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL')
      await finished
    },
  }
}

export const startMillrace = (args: readonly string[], options?: CommandOptions): Running =>
  start(process.execPath, [cli, ...args], options)

export const millrace = (args: readonly string[], options?: CommandOptions): Promise<Finished> =>
  startMillrace(args, options).finished

/** A folder in which modules find the package, as in a project that has installed it. */
export class Project implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'millrace-project-'))

  constructor(files: Readonly<Record<string, string>> = {}) {
    const packageJson = JSON.stringify({ name: 'project', private: true, type: 'module' })
    for (const [name, text] of Object.entries({ 'package.json': packageJson, ...files })) {
      this.write(name, text)
    }
    mkdirSync(join(this.folder, 'node_modules'))
    symlinkSync(repository, join(this.folder, 'node_modules/millrace'))
  }

  path(name: string): string {
    return join(this.folder, name)
  }

  write(name: string, text: string): void {
    mkdirSync(dirname(this.path(name)), { recursive: true })
    writeFileSync(this.path(name), text)
  }

  millrace(args: readonly string[], env?: CommandOptions['env']): Promise<Finished> {
    return this.start(args, env).finished
  }

  start(args: readonly string[], env?: CommandOptions['env']): Running {
    return startMillrace(args, { cwd: this.folder, ...(env === undefined ? {} : { env }) })
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}
