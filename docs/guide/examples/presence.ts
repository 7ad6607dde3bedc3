import { json, keyValueStore, string, topic, topology } from 'millrace'

export interface Seen {
  readonly page: string
}

export const visits = topic('visits', { key: string, value: json<Seen>() })
export const pages = topic('visits.pages', { key: string, value: json<number>() })

/** How many pages a visitor has seen, until half an hour has passed without one. */
export const presence = keyValueStore('presence', {
  key: string,
  value: json<number>(),
  ttl: { after: '30m', clock: 'event-time' },
})

export default topology('presence', (builder) => {
  builder.stream(visits).groupByKey().count({ store: presence }).toStream().to(pages)
})
