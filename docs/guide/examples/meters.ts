import { json, string, timestamps, topic, topology, tumbling, windowed } from 'millrace'

export interface Reading {
  readonly takenAtMs: number
  readonly wattHours: number
}

export const readings = topic('meters.readings', { key: string, value: json<Reading>() })
export const perQuarter = topic('meters.per-quarter', {
  key: windowed(string, '15m'),
  value: json<number | null>(),
})

export default topology('meters', (builder) => {
  const taken = builder.stream(readings, {
    timestamp: timestamps.logAndSkipOnInvalid((reading) => reading.takenAtMs),
  })

  taken
    .groupByKey()
    .windowedBy(tumbling('15m', { grace: '1m', emit: 'on-close', idleClose: '5m' }))
    .aggregate(
      () => 0,
      ({ wattHours }, sum) => sum + wattHours,
      { store: 'watt-hours', retention: '1d' },
    )
    .toStream()
    .to(perQuarter)
})
