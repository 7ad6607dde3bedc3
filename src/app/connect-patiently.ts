import type { Clock } from '../core/clock.ts'
import type { Logger } from '../core/logger.ts'
import { KafkaError, type KafkaPort } from '../kafka/port.ts'

const PAUSE_INITIAL_MS = 100
const PAUSE_MAX_MS = 5_000

/**
 * For a thread: its application was connected just now, so the address is right, and whatever keeps
 * the brokers from answering may pass. Resolves also when the thread is to stop, and rejects with
 * what a person has to act on.
 */
export async function connectPatiently(
  port: KafkaPort,
  clock: Clock,
  logger: Logger,
  stopping: AbortSignal,
): Promise<void> {
  for (let pauseMs = PAUSE_INITIAL_MS; ; pauseMs = Math.min(PAUSE_MAX_MS, pauseMs * 2)) {
    try {
      return await port.connect()
    } catch (error) {
      if (!(error instanceof KafkaError) || error.kind !== 'network') throw error
      logger.warn({ err: error, pauseMs }, 'Kafka cannot be reached: trying again')
    }
    await clock.sleep(pauseMs, stopping)
    if (stopping.aborted) return
  }
}
