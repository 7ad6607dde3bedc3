import { alerts, assessed, failed, tooFast } from '../../risk.ts'
import type { Alert, Rule, Transaction } from '../../risk/model.ts'
import type { Follower, SeenRecord } from '../case-study.ts'
import { inputNumber } from '../input-id.ts'
import { numberOfTransaction } from './transaction-number.ts'

/** What became of the transactions of a run so far. */
export class RiskFollower implements Follower {
  readonly #run: string
  #written = 0
  #out = 0
  readonly #broken = new Map<Rule, number>()

  constructor(run: string) {
    this.#run = run
  }

  readonly wrote = (): void => {
    this.#written += 1
  }

  readonly saw = (topic: string, { value, headers }: SeenRecord): void => {
    if (topic === failed.name) {
      if (inputNumber(headers, this.#run) !== undefined) this.#out += 1
    } else if (topic === alerts.name) {
      for (const { rule } of (JSON.parse(value) as Alert).reasons) {
        this.#broken.set(rule, (this.#broken.get(rule) ?? 0) + 1)
      }
    } else {
      const { transactionId } = JSON.parse(value) as Transaction
      if (numberOfTransaction(transactionId, this.#run) !== undefined) this.#out += 1
    }
  }

  readonly note = (topic: string): string => {
    if (topic !== alerts.name) return notes[topic] ?? ''
    const often = [...this.#broken].toSorted(([, a], [, b]) => b - a)
    return often.map(([rule, count]) => `${count} ${rule}`).join(', ')
  }

  /** What is being gathered, or asked for. */
  readonly underWay = (): number => this.#written - this.#out

  /** Nothing here waits for event time. */
  readonly waiting = (): number => 0
}

const notes: Readonly<Record<string, string>> = {
  [assessed.name]: 'beside the average of the last ten, and the score of the merchant',
  [tooFast.name]: 'more than a hundred a second of a user',
  [failed.name]: 'unreadable, or without an amount',
}
