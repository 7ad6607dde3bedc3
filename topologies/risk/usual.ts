import { json, keyValueStore, string, type FixedKeyProcessor } from 'millrace'
import type { Compared, Transaction } from './model.ts'
import { rules } from './rules.ts'

/** Of users who have paid within three months. */
export const lastAmounts = keyValueStore('last-amounts', {
  key: string,
  value: json<readonly number[]>(),
  ttl: { after: '90d', clock: 'event-time' },
})

/** What a user usually pays, before this transaction becomes a part of it. */
export function usualAmount(last: readonly number[]): number | null {
  if (last.length < rules.unusual.atLeast) return null
  return last.reduce((sum, amount) => sum + amount, 0) / last.length
}

export const withAmount = (last: readonly number[], amount: number): readonly number[] =>
  [...last, amount].slice(-rules.unusual.last)

/**
 * Puts the average of the user's last transactions beside each one. A table of averages, made with
 * `averageOf`, would know the transaction that is to be compared with it already.
 */
export const compareWithUsual: FixedKeyProcessor<string, Transaction, Compared> = {
  process: ({ key, value, timestampMs }, { store, forward }) => {
    const amounts = store<string, readonly number[]>('last-amounts')
    const last = amounts.get(key) ?? []
    forward({ value: { ...value, atMs: timestampMs, usual: usualAmount(last) } })
    amounts.put(key, withAmount(last, value.amount))
  },
}
