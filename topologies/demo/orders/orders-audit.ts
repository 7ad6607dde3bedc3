import { deadLetterHeader } from '../../../src/core/dead-letter.ts'
import { headerText, type RawRecord } from '../../../src/core/record.ts'
import {
  alerts,
  commands,
  events,
  failed,
  paid,
  payments,
  recovered,
  refused,
  unmatched,
} from '../../orders.ts'
import type { OrderEvent, PaidOrder, Payment, UnmatchedPayment } from '../../orders/model.ts'
import { faultsInWords, isFaultless, type Faults } from '../account.ts'
import type { Account, Audit } from '../case-study.ts'
import { inputNumber } from '../input-id.ts'
import { Marks } from '../marks.ts'
import { numberOfPayment } from './payment-number.ts'

const WITHIN_MS = 5 * 60_000

/** What is counted of each input record. */
const marked = [
  ...(['input', 'event', 'refusal', 'deadLetter'] as const),
  // A payment that failed has to be recovered, or to be a dead letter.
  ...(['failure', 'recovery'] as const),
  // A payment that succeeded, at once or in the end, has to be matched or told to be unmatched.
  ...(['success', 'settled'] as const),
  // A payment that failed in time has to be told of.
  ...(['alertDue', 'alert'] as const),
]
type Mark = (typeof marked)[number]

export interface OrdersAccount extends Account {
  readonly faults: Faults
}

/**
 * Each record is decided, by an event or a refusal, or is a dead letter; what follows from that has
 * happened once as well.
 */
export class OrdersAudit implements Audit {
  readonly #readers: Readonly<Record<string, (record: RawRecord) => void>> = {
    [commands.name]: (record) => this.#note(record, 'input'),
    [payments.name]: (record) => {
      this.#note(record, 'input')
      this.#readPayment(record)
    },
    [recovered.name]: (record) => this.#readRecovered(record),
    [events.name]: (record) => this.#readEvent(record),
    [refused.name]: (record) => this.#note(record, 'refusal'),
    [failed.name]: (record) => this.#readDeadLetter(record),
    [paid.name]: (record) => this.#settled(valueOf(record) as PaidOrder, 'paid'),
    [unmatched.name]: (record) =>
      this.#settled((valueOf(record) as UnmatchedPayment).payment, 'unmatched'),
    [alerts.name]: (record) => {
      if (this.#note(record, 'alert')) this.#sums.alerts += 1
    },
  }
  readonly topics = Object.keys(this.#readers)
  readonly #run: string
  readonly #marks = new Marks<Mark>(marked)
  /** When those orders were placed that are not at their end yet. */
  readonly #placedMs = new Map<string, number>()
  readonly #sums = { paid: 0, unmatched: 0, recovered: 0, givenUp: 0, alerts: 0 }

  constructor(run: string) {
    this.#run = run
  }

  read(topic: string, record: RawRecord): void {
    this.#readers[topic]?.(record)
  }

  /** False for a record of another run. */
  #note({ headers }: RawRecord, mark: Mark): boolean {
    const number = inputNumber(headers, this.#run)
    if (number === undefined) return false
    this.#marks.add(number, mark)
    return true
  }

  #readPayment(record: RawRecord): void {
    let payment: Payment
    try {
      payment = valueOf(record) as Payment
    } catch {
      // It is a dead letter, as any record that cannot be read.
      return
    }
    const number = numberOfPayment(payment.paymentId, this.#run)
    if (payment.status === 'succeeded' && number !== undefined) this.#marks.add(number, 'success')
  }

  #readRecovered(record: RawRecord): void {
    if (!this.#note(record, 'recovery')) return
    this.#sums.recovered += 1
    this.#readPayment(record)
  }

  #readEvent(record: RawRecord): void {
    if (!this.#note(record, 'event')) return
    const { type } = valueOf(record) as OrderEvent
    const order = Buffer.from(record.key ?? []).toString()
    if (type === 'OrderPlaced') this.#placedMs.set(order, record.timestampMs)
    else if (type !== 'OrderPaid') {
      // The first failure is told of, as the last word of an order ends it.
      const placedMs = this.#placedMs.get(order) ?? -Infinity
      this.#placedMs.delete(order)
      if (type !== 'PaymentFailed') return
      this.#note(record, 'failure')
      if (record.timestampMs - placedMs < WITHIN_MS) this.#note(record, 'alertDue')
    }
  }

  #readDeadLetter(record: RawRecord): void {
    if (!this.#note(record, 'deadLetter')) return
    const isPayment = headerText(record.headers, deadLetterHeader.node) === 'charge-again'
    if (isPayment) this.#sums.givenUp += 1
  }

  #settled({ paymentId }: Pick<Payment, 'paymentId'>, where: 'paid' | 'unmatched'): void {
    const number = numberOfPayment(paymentId, this.#run)
    if (number === undefined) return
    this.#marks.add(number, 'settled')
    this.#sums[where] += 1
  }

  close(): OrdersAccount {
    const outcome = { input: 0, events: 0, rejected: 0, deadLetters: 0 }
    const faults = { missing: 0, doubled: 0, unknown: 0 }
    for (let number = 0; number < this.#marks.length; number += 1) {
      if (!this.#marks.isMarked(number)) continue
      if (this.#of(number, 'input') === 0) faults.unknown += 1
      else {
        outcome.input += 1
        outcome[this.#lastWord(number)] += 1
        const off = this.#off(number)
        if (off < 0) faults.missing += 1
        if (off > 0) faults.doubled += 1
      }
    }
    return accountOf(outcome, this.#sums, faults)
  }

  readonly #of = (number: number, mark: Mark): number => this.#marks.get(number, mark)

  #lastWord(number: number): 'events' | 'rejected' | 'deadLetters' {
    if (this.#of(number, 'deadLetter') > 0) return 'deadLetters'
    return this.#of(number, 'refusal') > 0 ? 'rejected' : 'events'
  }

  /** Less than 0: something is missing. More than 0: something is there too often. */
  #off(number: number): number {
    const of = (mark: Mark): number => this.#of(number, mark)
    const decided = of('event') + of('refusal')
    const wrong =
      of('failure') === 0
        ? [decided + of('deadLetter') - 1, of('recovery')]
        : [of('recovery') + of('deadLetter') - 1, decided - 1 - of('recovery')]
    const all = [
      ...wrong,
      of('input') - 1,
      of('settled') - of('success'),
      of('alert') - of('alertDue'),
    ]
    return Math.max(...all) > 0 ? 1 : Math.min(...all)
  }
}

const valueOf = ({ value }: RawRecord): unknown => JSON.parse(Buffer.from(value ?? []).toString())

function accountOf(
  outcome: Readonly<Record<'input' | 'events' | 'rejected' | 'deadLetters', number>>,
  sums: Readonly<Record<'paid' | 'unmatched' | 'recovered' | 'givenUp' | 'alerts', number>>,
  faults: Faults,
): OrdersAccount {
  const balanced = isFaultless(faults)
  const { paid: paidFor, unmatched: without, recovered: again, givenUp, alerts: told } = sums
  return {
    numbers: {
      ...outcome,
      paid: paidFor,
      unmatched: without,
      recovered: again,
      givenUp,
      alerts: told,
    },
    balanced,
    faults,
    rows: [
      [outcome.input, 'input records'],
      [outcome.events, 'events'],
      [outcome.rejected, 'refused'],
      [outcome.deadLetters, 'dead letters'],
      [paidFor, 'payments paired with their orders'],
      [without, 'payments unmatched: without an order in time, wrong, or repeated'],
      [again, 'payments recovered: they failed, and were charged again'],
      [givenUp, 'payments given up: dead letters after three attempts, or one'],
      [told, 'alerts: orders whose payment failed within five minutes'],
    ],
    verdict: balanced ? 'Every input record came out exactly once.' : faultsInWords(faults),
  }
}
