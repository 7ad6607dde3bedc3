import { systemClock } from '../../src/core/clock.ts'
import type { InputWriter } from './input-writer.ts'

const LOOK_MS = 500
/** One Ctrl-C may come as two signals: from the terminal, and passed on by whoever started us. */
const SAME_SIGNAL_MS = 200

/** What a first signal stops, once it is there. */
export interface Ending {
  input?: InputWriter
}

/**
 * The first Ctrl-C ends the input, and what was written is still processed; the second ends all. So
 * does the death of whoever started the demo, or a terminal that is closed: nothing is left behind.
 * Exiting is enough for that: each part cleans up at the exit, and Kafka's supervisor and the
 * worker notice that their owner is gone.
 */
export function listenForEnd(): Ending {
  const ending: Ending = {}
  let stoppedAtMs = -Infinity
  const onSignal = (signal: NodeJS.Signals): void => {
    const { input } = ending
    const isFirst = input?.isStopped === false
    if (isFirst) {
      stoppedAtMs = systemClock.nowMs()
      input.stop()
    } else if (systemClock.nowMs() - stoppedAtMs > SAME_SIGNAL_MS) {
      process.exit(signal === 'SIGINT' ? 130 : 143)
    }
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
