import { setTimeout as sleep } from 'node:timers/promises'
import { isStreamsError, start } from 'millrace'

await using app = await start(import.meta.resolve('./customer-spending.ts'), {
  brokers: (process.env['MILLRACE_BROKERS'] ?? 'localhost:9092').split(','),
  log: { level: 'warn' },
})

for (;;) {
  try {
    const cents = await app.store('spent').get('ada')
    console.log('ada has spent', cents, 'cents')
    break
  } catch (error) {
    // The task that owns the key is being opened or restored.
    if (!isStreamsError(error) || error.code !== 'STORE_UNAVAILABLE') throw error
    await sleep(100)
  }
}
