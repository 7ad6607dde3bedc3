import type { Buffered, Processor } from 'millrace'
import { scoresOf } from './merchants.ts'
import type { Alert, Assessed, Compared, Reason } from './model.ts'
import { rules } from './rules.ts'

/** One call for a batch of transactions, whoever their users are. */
export async function assessAll(
  batch: readonly Buffered<string, Compared>[],
): Promise<readonly Buffered<string, Assessed>[]> {
  const merchants = new Set(batch.map(({ value }) => value.merchant))
  const scores = await scoresOf([...merchants])
  return batch.map(({ key, value }) => ({
    key,
    value: assess(value, scores.get(value.merchant) ?? 0),
  }))
}

export function assess(transaction: Compared, merchantScore: number): Assessed {
  const { amount, usual } = transaction
  const { unusual, merchant } = rules
  const reasons: Reason[] = []
  if (usual !== null && amount > unusual.times * usual) {
    reasons.push({ rule: 'unusual amount', value: amount, limit: unusual.times * usual })
  }
  if (merchantScore > merchant.score && amount > merchant.amount) {
    reasons.push({ rule: 'risky merchant', value: merchantScore, limit: merchant.score })
  }
  return { ...transaction, merchantScore, reasons }
}

/** A batch as the transactions that it is made of, each at the time at which it happened. */
export const unpacked: Processor<null, readonly Buffered<string, Assessed>[], string, Assessed> = {
  process: ({ value: batch }, { forward }) => {
    for (const { key, value } of batch) forward({ key, value, timestampMs: value.atMs })
  },
}

export const alertOf = ({ transactionId, reasons }: Assessed): Alert => ({ transactionId, reasons })
