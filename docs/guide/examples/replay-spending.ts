import { replay } from 'millrace'
import customerSpending from './customer-spending.ts'

const { plan, done } = await replay(customerSpending, {
  brokers: ['localhost:9092'],
  to: { datetime: '2026-08-01T00:00:00Z' },
  confirm: ({ partitions }) => partitions.every(({ isClamped }) => !isClamped),
})
console.log(done ? 'replayed' : 'not done', plan.partitions)
