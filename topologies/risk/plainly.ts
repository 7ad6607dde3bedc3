import { assess } from './assess.ts'
import { isLarge, isSmall } from './card-tried.ts'
import { passedLimits, type Spending } from './hour.ts'
import { scoreOf } from './merchants.ts'
import type { Alert, Assessed, Rule, Transaction } from './model.ts'
import { rules } from './rules.ts'
import { usualAmount, withAmount } from './usual.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const ADVANCE_MS = 5 * MINUTE_MS
const WITHIN_MS = 10 * MINUTE_MS

interface User {
  last: readonly number[]
  /** By the start of the hour. */
  readonly hours: Map<number, Spending>
  /** When each rule about hours was told of. */
  readonly toldMs: Map<Rule, number>
  /** Times of the small transactions in a row that the latest ones are. */
  small: number[]
}

/**
 * What the topology has to come to, in plain memory: no Kafka, no stores, no windows, no crash. For
 * transactions that are in the order of their times, and accepted.
 */
export class PlainRisk {
  readonly #users = new Map<string, User>()

  accept(
    name: string,
    transaction: Transaction,
    atMs: number,
  ): { readonly assessed: Assessed; readonly alerts: readonly Alert[] } {
    const user = this.#userOf(name)
    const usual = usualAmount(user.last)
    user.last = withAmount(user.last, transaction.amount)
    const assessed = assess({ ...transaction, atMs, usual }, scoreOf(transaction.merchant))
    const { transactionId, reasons } = assessed
    const own = reasons.length > 0 ? [{ transactionId, reasons }] : []
    const alerts = [...own, ...ofHours(user, transaction, atMs), ...ofCard(user, transaction, atMs)]
    return { assessed, alerts }
  }

  #userOf(name: string): User {
    const known = this.#users.get(name)
    if (known !== undefined) return known
    const user: User = { last: [], hours: new Map(), toldMs: new Map(), small: [] }
    this.#users.set(name, user)
    return user
  }
}

function ofHours(user: User, transaction: Transaction, atMs: number): readonly Alert[] {
  const { hours, toldMs } = user
  const latestMs = atMs - (atMs % ADVANCE_MS)
  for (const startMs of hours.keys()) if (startMs + HOUR_MS <= atMs) hours.delete(startMs)
  const told: Alert[] = []
  for (let startMs = latestMs - HOUR_MS + ADVANCE_MS; startMs <= latestMs; startMs += ADVANCE_MS) {
    const before = hours.get(startMs) ?? { count: 0, amount: 0 }
    const spent = {
      count: before.count + 1,
      amount: before.amount + transaction.amount,
      latest: transaction.transactionId,
    }
    hours.set(startMs, spent)
    for (const alert of passedLimits(spent)) {
      const rule = alert.reasons[0]!.rule
      if (atMs - (toldMs.get(rule) ?? -Infinity) <= HOUR_MS) continue
      toldMs.set(rule, atMs)
      told.push(alert)
    }
  }
  return told
}

function ofCard(user: User, transaction: Transaction, atMs: number): readonly Alert[] {
  const { times } = rules.cardTried
  const small = user.small.filter((eachMs) => atMs - eachMs < WITHIN_MS)
  user.small = isSmall(transaction) ? [...small, atMs] : []
  if (!isLarge(transaction) || small.length < times) return []
  const { transactionId } = transaction
  const reason = { rule: 'card tried out', value: small.length, limit: times - 1 } as const
  return [{ transactionId, reasons: [reason] }]
}
