import { json, string, topic, topology } from 'millrace'

/** The value is what a visitor's row is padded with. */
export const visits = topic('visits', { key: string, value: string })
export const seen = topic('visits.seen', { key: string, value: json<number>() })

interface Row {
  readonly count: number
  readonly padding: string
}

/** Counts the visits of each visitor, in rows that are long, so that there is much to restore. */
export default topology('padded-visits', (builder) => {
  builder
    .stream(visits)
    .groupByKey()
    .aggregate<Row>(
      () => ({ count: 0, padding: '' }),
      (padding, { count }) => ({ count: count + 1, padding }),
      { store: 'visitors' },
    )
    .toStream()
    .mapValues((row) => row?.count ?? 0)
    .to(seen)
})
