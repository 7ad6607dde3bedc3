/**
 * In place of a call over the network, which costs the same for one merchant as for a hundred. The
 * score of a merchant comes from the name, so that a run can be repeated.
 */
export function scoresOf(merchants: readonly string[]): Promise<ReadonlyMap<string, number>> {
  return Promise.resolve(new Map(merchants.map((merchant) => [merchant, scoreOf(merchant)])))
}

export const scoreOf = (merchant: string): number => (merchant.startsWith('casino') ? 0.95 : 0.1)
