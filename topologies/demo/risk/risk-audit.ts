import { isDeepStrictEqual } from 'node:util'
import type { RawRecord } from '../../../src/core/record.ts'
import { alerts, assessed, failed, tooFast, transactions } from '../../risk.ts'
import type { Alert, Assessed, Transaction } from '../../risk/model.ts'
import { PlainRisk } from '../../risk/plainly.ts'
import { faultsInWords, isFaultless } from '../account.ts'
import type { Account, Audit } from '../case-study.ts'
import { inputNumber } from '../input-id.ts'
import { Marks } from '../marks.ts'
import { numberOfTransaction } from './transaction-number.ts'

/** What is counted of each input record. */
const marked = ['input', 'assessed', 'tooFast', 'deadLetter', 'alertDue', 'alert'] as const
type Mark = (typeof marked)[number]

/**
 * Each transaction is assessed, or was too fast, or is a dead letter. What an assessment says, and
 * which alerts were given, is what the rules come to in plain memory.
 */
export class RiskAudit implements Audit {
  readonly #readers: Readonly<Record<string, (record: RawRecord) => void>> = {
    [transactions.name]: (record) => this.#count(inputNumber(record.headers, this.#run), 'input'),
    [failed.name]: (record) => this.#count(inputNumber(record.headers, this.#run), 'deadLetter'),
    [tooFast.name]: (record) => this.#count(this.#numberOf(valueOf(record)), 'tooFast'),
    // In the order of each user, as they came.
    [assessed.name]: (record) => this.#readAssessed(record),
    [alerts.name]: (record) => this.#readAlert(valueOf(record) as Alert),
  }
  readonly topics = Object.keys(this.#readers)
  readonly #run: string
  readonly #marks = new Marks<Mark>(marked)
  readonly #plain = new PlainRisk()
  /** By transaction: most have none. */
  readonly #alertsDue = new Map<number, Alert[]>()
  #alerts = 0
  #wrong = 0

  constructor(run: string) {
    this.#run = run
  }

  read(topic: string, record: RawRecord): void {
    this.#readers[topic]?.(record)
  }

  #count(number: number | undefined, mark: Mark): void {
    if (number !== undefined) this.#marks.add(number, mark)
  }

  #numberOf(value: unknown): number | undefined {
    return numberOfTransaction((value as Transaction).transactionId, this.#run)
  }

  #readAssessed(record: RawRecord): void {
    const found = valueOf(record) as Assessed
    const number = this.#numberOf(found)
    if (number === undefined) return
    this.#marks.add(number, 'assessed')
    const user = Buffer.from(record.key ?? []).toString()
    const { transactionId, amount, merchant } = found
    const transaction: Transaction = { transactionId, amount, merchant }
    const expected = this.#plain.accept(user, transaction, record.timestampMs)
    if (!isDeepStrictEqual(found, expected.assessed)) this.#wrong += 1
    if (expected.alerts.length === 0) return
    this.#alertsDue.set(number, [...expected.alerts])
    for (const _ of expected.alerts) this.#marks.add(number, 'alertDue')
  }

  #readAlert(alert: Alert): void {
    const number = this.#numberOf(alert)
    if (number === undefined) return
    this.#alerts += 1
    this.#marks.add(number, 'alert')
    const due = this.#alertsDue.get(number) ?? []
    const index = due.findIndex((each) => isDeepStrictEqual(each, alert))
    if (index < 0) this.#wrong += 1
    else due.splice(index, 1)
  }

  close(): Account {
    const sums = { input: 0, assessed: 0, tooFast: 0, deadLetters: 0 }
    const faults = { missing: 0, doubled: 0, unknown: 0 }
    for (let number = 0; number < this.#marks.length; number += 1) {
      if (!this.#marks.isMarked(number)) continue
      const of = (mark: Mark): number => this.#marks.get(number, mark)
      if (of('input') === 0) {
        faults.unknown += 1
        continue
      }
      sums.input += 1
      if (of('deadLetter') > 0) sums.deadLetters += 1
      else if (of('tooFast') > 0) sums.tooFast += 1
      else if (of('assessed') > 0) sums.assessed += 1
      const off = [
        of('input') - 1,
        of('assessed') + of('tooFast') + of('deadLetter') - 1,
        of('alert') - of('alertDue'),
      ]
      if (Math.min(...off) < 0) faults.missing += 1
      if (Math.max(...off) > 0) faults.doubled += 1
    }
    const balanced = isFaultless(faults) && this.#wrong === 0
    const wrong = this.#wrong === 0 ? '' : ` ${this.#wrong} say something wrong.`
    return {
      numbers: { ...sums, alerts: this.#alerts },
      balanced,
      rows: [
        [sums.input, 'input records'],
        [sums.assessed, 'assessed'],
        [sums.tooFast, 'too fast: over a hundred a second of their user'],
        [sums.deadLetters, 'dead letters'],
        [this.#alerts, 'alerts: those that the rules come to in plain memory'],
      ],
      verdict: balanced
        ? 'Every input record came out exactly once.'
        : `${faultsInWords(faults)}${wrong}`,
    }
  }
}

const valueOf = ({ value }: RawRecord): unknown => JSON.parse(Buffer.from(value ?? []).toString())
