import { TopologyTestDriver } from 'millrace/testing'
import type { DeadLetter } from '../../src/core/dead-letter.ts'
import risk, { alerts, assessed, tooFast, transactions } from '../risk.ts'
import type { Alert, Assessed, Rule, Transaction } from './model.ts'

/** At the beginning of an hour. */
export const START_MS = 1_699_999_200_000

/** Users of a service that runs. What is told is told since the last time it was asked for. */
export class UserStory implements AsyncDisposable {
  readonly driver = new TopologyTestDriver(risk, { startMs: START_MS })
  #paid = 0

  /** Ada pays so many cents, now. */
  async pays(...amounts: readonly number[]): Promise<void> {
    for (const amount of amounts) await this.pay({ amount })
  }

  async pay(transaction: Partial<Transaction>, user = 'ada'): Promise<void> {
    this.#paid += 1
    const transactionId = `tx-${this.#paid}`
    const made = { transactionId, amount: 2_000, merchant: 'bakery', ...transaction }
    await this.driver.input(transactions).send(user, made)
  }

  text(text: string): Promise<void> {
    return this.driver.input(transactions).sendBytes(Buffer.from('ada'), Buffer.from(text))
  }

  /** By the clock on the wall; what is paid afterwards is paid then. */
  wait(time: Parameters<TopologyTestDriver['advanceTime']>[0]): Promise<void> {
    return this.driver.advanceTime(time)
  }

  /** After what is being gathered has been assessed. */
  async assessed(): Promise<readonly (readonly [user: string, assessed: Assessed])[]> {
    await this.wait('200ms')
    return this.driver.output(assessed).keyValues()
  }

  async alerts(): Promise<readonly (readonly [user: string, alert: Alert])[]> {
    await this.wait('200ms')
    return this.driver.output(alerts).keyValues()
  }

  /** Which rules were broken, by which transactions. */
  async broken(): Promise<readonly (readonly [rule: Rule, transaction: string])[]> {
    const told = await this.alerts()
    return told.flatMap(([, { transactionId, reasons }]) =>
      reasons.map(({ rule }) => [rule, transactionId] as const),
    )
  }

  tooFast(): readonly (readonly [user: string, transaction: Transaction])[] {
    return this.driver.output(tooFast).keyValues()
  }

  deadLetters(): readonly DeadLetter[] {
    return this.driver.deadLetters()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.driver[Symbol.asyncDispose]()
  }
}
