import type { ScoredTransaction, Transaction } from './model.ts'

interface Keyed<V> {
  readonly key: string | null
  readonly value: V
}

/**
 * What is known of the merchants of a batch. It stands for a service that is asked once for all of
 * them; here the risk is in the merchant's name, so that the example needs nobody.
 */
export async function merchantRisks(
  batch: readonly Keyed<Transaction>[],
): Promise<readonly Keyed<ScoredTransaction>[]> {
  const names = new Set(batch.map(({ value }) => value.merchant))
  const risks = await riskOf(names)
  return batch.map(({ key, value }) => ({
    key,
    value: { ...value, merchantRisk: risks.get(value.merchant) ?? 0 },
  }))
}

async function riskOf(merchants: ReadonlySet<string>): Promise<ReadonlyMap<string, number>> {
  await Promise.resolve()
  return new Map([...merchants].map((name) => [name, name.startsWith('casino') ? 90 : 10]))
}
