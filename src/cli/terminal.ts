/** The one file of the command line that writes. */
export const print = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

export const printError = (line: string): void => {
  process.stderr.write(`${line}\n`)
}

export const isTerminal = (): boolean => process.stdout.isTTY
