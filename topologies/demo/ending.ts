import type { InputWriter } from './input-writer.ts'

const LOOK_MS = 500

/** What a first signal stops, once it is there. */
export interface Ending {
  input?: InputWriter
}

/**
 * The first Ctrl-C ends the input, and what was written is still processed; the second ends all. So
 * does the death of whoever started the demo, or a terminal that is closed: nothing is left behind.
 * Exiting is enough for that: each part cleans up at the exit, and Kafka's supervisor and the worker
 * notice that their owner is gone.
 */
export function listenForEnd(): Ending {
  const ending: Ending = {}
  const onSignal = (signal: NodeJS.Signals): void => {
    const { input } = ending
    if (input === undefined || input.isStopped) process.exit(signal === 'SIGINT' ? 130 : 143)
    input.stop()
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  process.on('SIGHUP', () => process.exit(129))
  const parent = process.ppid
  setInterval(() => {
    if (process.ppid !== parent) process.exit(1)
  }, LOOK_MS).unref()
  return ending
}
