/** The bank says no, and may say yes a little later. */
export class Declined extends Error {
  override readonly name = 'Declined'
}

/** No further attempt can help. */
export class CardExpired extends Error {
  override readonly name = 'CardExpired'
}

export interface Charge {
  readonly card: string
  /** In cents. */
  readonly amount: number
  /** From 1. */
  readonly attempt: number
  /** A real bank knows by it that it has charged the card already, and says so again. */
  readonly idempotencyKey: string
}

/**
 * In place of a call over the network. The number of a card says how the bank takes it, as that of
 * a payment service's test cards does: its last digit is how often it is declined before it is
 * charged. So the bank needs no memory, and a run can be repeated.
 */
export function charge({ card, attempt }: Charge): Promise<void> {
  if (card.endsWith('expired')) return Promise.reject(new CardExpired(`${card} has expired`))
  const declines = Number(card.at(-1))
  if (attempt > declines) return Promise.resolve()
  return Promise.reject(new Declined(`${card} was declined, attempt ${attempt}`))
}
