import { execFile } from 'node:child_process'

export interface ProgramResult {
  /** -1 where the program could not be started at all. */
  readonly exitCode: number
  /** What it wrote, standard output first. */
  readonly output: string
}

/** Runs a short-lived program to its end. It never rejects: a missing program is a result too. */
export const runProgram = (
  file: string,
  args: readonly string[],
  timeoutMs: number,
): Promise<ProgramResult> =>
  new Promise((resolve) => {
    const options = { timeout: timeoutMs, maxBuffer: 16 * 1024 * 1024 }
    execFile(file, args, options, (error, stdout, stderr) => {
      const exitCode = error === null ? 0 : typeof error.code === 'number' ? error.code : -1
      resolve({ exitCode, output: `${stdout}${stderr}` })
    })
  })
