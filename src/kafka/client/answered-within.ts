import type { Clock } from '../../core/clock.ts'
import { KafkaError } from '../port.ts'

/** The answer to a request, or `REQUEST_TIMED_OUT` (kind `network`) when none came in time. */
export async function answeredWithin<T>(clock: Clock, ms: number, request: Promise<T>): Promise<T> {
  const answered = new AbortController()
  const { signal } = answered
  const tooLate = clock.sleep(ms, signal).then(() => {
    // The race is decided: an error, with its stack, would cost more than the rest of this.
    if (signal.aborted) return undefined as never
    throw new KafkaError('REQUEST_TIMED_OUT', 'network', `no answer within ${ms} ms`)
  })
  try {
    return await Promise.race([request, tooLate])
  } finally {
    // Without a reason it would make an error, which nobody sees.
    answered.abort('answered')
  }
}
