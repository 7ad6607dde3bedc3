import { json, keyValueStore, string, topic, topology } from 'millrace'

/** The value is the time of the visit. */
export const visits = topic('visits', { key: string, value: json<number>() })
export const counts = topic('visits.counts', { key: string, value: json<number>() })

/** Of each visitor, until two seconds of event time have passed without a visit. */
export default topology('expiring-visits', (builder) => {
  const store = keyValueStore('visits-by-visitor', {
    key: string,
    value: json<number>(),
    ttl: { after: '2s', clock: 'event-time' },
  })
  builder
    .stream(visits, { timestamp: (atMs) => atMs })
    .groupByKey()
    .count({ store })
    .toStream()
    .to(counts)
})
