import type { RawRecord } from '../../core/record.ts'
import type { OperatorContext, Waited } from '../../topology/processor.ts'

/** A result as it is set aside: no record of a topic is like it. */
export type ResultBytes = Pick<RawRecord, 'key' | 'value' | 'timestampMs' | 'headers'>

export const nowhere = { topic: '', partition: -1, offset: -1 } as const
export const firstTime = { attempts: 1, firstFailedAtMs: undefined } as const

/**
 * Sends on what the record at hand only sets free: a window that has closed, or what was held back.
 * Where a step behind throws, the policy is asked about that result, and what else is due goes on.
 *
 * `at`: the place that the steps behind are shown.
 */
export function release(
  { resume }: Pick<OperatorContext, 'resume'>,
  { topic, partition, offset }: Waited['at'],
  bytes: () => ResultBytes,
  send: () => void,
): void {
  const records = (): readonly RawRecord[] => [{ ...nowhere, ...bytes() }]
  resume({ ...firstTime, records, at: { topic, partition, offset } }, send)
}
