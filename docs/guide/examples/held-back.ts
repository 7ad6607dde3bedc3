import {
  json,
  string,
  topic,
  topology,
  tumbling,
  untilTimeLimit,
  untilWindowCloses,
  windowed,
} from 'millrace'

export const payments = topic('payments', { key: string, value: json<{ cents: number }>() })
export const busyHours = topic('payments.busy-hours', {
  key: windowed(string, '1h'),
  value: json<number | null>(),
})
export const stock = topic('stock', { key: string, value: json<number>() })
export const shopWindow = topic('stock.shop-window', {
  key: string,
  value: json<number | null>(),
})

export default topology('held-back', (builder) => {
  builder
    .stream(payments)
    .groupByKey()
    .windowedBy(tumbling('1h', { grace: '5m' }))
    .count({ store: 'payments-per-hour' })
    .filter((count) => count >= 2)
    .suppress(untilWindowCloses(), { store: 'busy-hours' })
    .toStream()
    .to(busyHours)

  builder
    .table(stock, { store: 'stock' })
    .suppress(untilTimeLimit('30s', { records: 100_000 }), { store: 'stock-waiting' })
    .toStream()
    .to(shopWindow)
})
