import { createInterface } from 'node:readline/promises'
import type { Clock } from '../core/clock.ts'

/** The one file of the command line that writes. */
export const print = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

export const printError = (line: string): void => {
  process.stderr.write(`${line}\n`)
}

export const isTerminal = (): boolean => process.stdout.isTTY

/** Whether a person watches standard error. */
export const isInteractive = (): boolean => process.stderr.isTTY

/** Whether a person can be asked. */
export const mayAsk = (): boolean => process.stdin.isTTY && process.stdout.isTTY

/** True for yes; anything else is a no. */
export async function ask(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stdout })
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `)).trim())
  } finally {
    terminal.close()
  }
}

/** Writes over the last line of a terminal. */
export const rewriteLine = (text: string): void => {
  process.stderr.write(`\r\u001b[K${text}`)
}

/** One Ctrl-C may come as two signals: from the terminal, and passed on by npx. */
const SAME_SIGNAL_MS = 200

/** Aborts at SIGINT or SIGTERM, in place of ending the process; a second one ends it. */
export function onInterrupt(clock: Clock): Disposable & { readonly signal: AbortSignal } {
  const interrupted = new AbortController()
  let sinceMs = Infinity
  const onSignal = (): void => {
    if (clock.nowMs() - sinceMs > SAME_SIGNAL_MS) process.exit(130)
    sinceMs = Math.min(sinceMs, clock.nowMs())
    interrupted.abort()
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  return {
    signal: interrupted.signal,
    [Symbol.dispose]: () => {
      process.off('SIGINT', onSignal)
      process.off('SIGTERM', onSignal)
    },
  }
}

/** `millrace dlq show … | head` has read enough: that is no failure. */
export function endWithReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0)
    throw error
  })
}

/** Node's warnings, a line each, but for the one that our error about the same module explains. */
export function showWarnings(): void {
  process.removeAllListeners('warning')
  process.on('warning', ({ name, message }) => {
    if (message.startsWith('Failed to load the ES module')) return
    printError(`${name}: ${message.replaceAll(/\s*\n\s*/g, ' ')}`)
  })
}
