import { start } from 'millrace'

await using app = await start(import.meta.resolve('./customer-spending.ts'), {
  brokers: (process.env['MILLRACE_BROKERS'] ?? 'localhost:9092').split(','),
  guarantee: 'exactly-once',
  stateDir: '.millrace',
  instanceId: process.env['HOSTNAME'] ?? 'spending-1',
})

app.onStateChange((state) => console.log(`now ${state}`))
process.once('SIGTERM', () => void app.stop())
process.once('SIGINT', () => void app.stop())
await app.finished
