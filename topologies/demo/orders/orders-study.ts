import { deadLetterHeader } from '../../../src/core/dead-letter.ts'
import { headerText } from '../../../src/core/record.ts'
import orders, {
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
import type { Payment } from '../../orders/model.ts'
import { orderWorkload } from '../../orders/workload.ts'
import type { CaseStudy, Output } from '../case-study.ts'
import { OrdersAudit } from './orders-audit.ts'
import { OrdersFollower } from './orders-follower.ts'
import * as words from './orders-words.ts'

const outputs: readonly Output[] = [
  { topic: events.name, label: 'events', shown: 1, inWords: ({ value }) => words.event(value) },
  { topic: refused.name, label: 'refused', shown: 0, inWords: ({ value }) => words.refusal(value) },
  { topic: paid.name, label: 'paid', shown: 1, inWords: ({ value }) => words.paidOrder(value) },
  {
    topic: unmatched.name,
    label: 'unmatched',
    shown: 1,
    inWords: ({ value }) => words.unmatched(value),
  },
  {
    topic: alerts.name,
    label: 'alerts',
    style: 'yellow',
    shown: 1,
    inWords: ({ value }) => words.alert(value),
  },
  {
    topic: failed.name,
    label: 'dead letters',
    style: 'red',
    shown: 1,
    inWords: ({ value, headers }) =>
      `${headerText(headers, deadLetterHeader.message) ?? ''}: ${value}`,
  },
]

/** A unit of time more than a payment waits for its order, that is its window and the grace. */
const CLOSING_MS = (5 * 60 + 31) * 1_000

export const ordersStudy: CaseStudy = {
  topology: orders,
  file: 'topologies/orders.ts',
  inputs: [commands.name, payments.name],
  loops: [recovered.name],
  internal: [],
  outputs,
  workload: orderWorkload,
  inputInWords: ({ topic, value }) =>
    topic === payments.name ? words.payment(value) : words.command(value),
  newFollower: (run) => new OrdersFollower(run),
  closing: (partition, round) => {
    const payment: Payment = {
      paymentId: `closing-time-${partition}-${round}`,
      amount: 1,
      status: 'succeeded',
      card: '4000-0000',
    }
    return {
      topic: payments.name,
      key: `closing-time-${partition}`,
      value: JSON.stringify(payment),
      ageMs: -(CLOSING_MS + 1_000 * round),
    }
  },
  newAudit: (run) => new OrdersAudit(run),
}
