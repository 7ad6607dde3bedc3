/** The one file of the command line that writes. */
export const print = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

export const printError = (line: string): void => {
  process.stderr.write(`${line}\n`)
}

export const isTerminal = (): boolean => process.stdout.isTTY

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
