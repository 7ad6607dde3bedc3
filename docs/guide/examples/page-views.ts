import {
  deadLetters,
  hopping,
  json,
  session,
  sessionWindowed,
  string,
  topic,
  topology,
  tumbling,
  windowed,
} from 'millrace'

export interface View {
  readonly page: string
  readonly tookMs: number
}

export const views = topic('views', { key: string, value: json<View>() })
export const perMinute = topic('views.per-minute', {
  key: windowed(string, '1m'),
  value: json<number | null>(),
})
export const slowest = topic('views.slowest', {
  key: windowed(string, '5m'),
  value: json<number | null>(),
})
export const visits = topic('visits', {
  key: sessionWindowed(string),
  value: json<readonly string[] | null>(),
})
export const failed = deadLetters('views.failed')

export default topology('page-views', { deadLetters: failed }, (builder) => {
  const byUser = builder.stream(views).groupByKey()

  byUser
    .windowedBy(tumbling('1m', { grace: '10s', emit: 'on-close', late: 'dead-letter' }))
    .count({ store: 'views-per-minute', retention: '1d' })
    .toStream()
    .to(perMinute)

  byUser
    .windowedBy(hopping('5m', { advance: '1m', grace: '0s' }))
    .aggregate(
      () => 0,
      (view, slowestMs) => Math.max(view.tookMs, slowestMs),
      { store: 'slowest-view' },
    )
    .toStream()
    .to(slowest)

  byUser
    .windowedBy(session('30m', { grace: '1m' }))
    .aggregate<readonly string[]>(
      () => [],
      (view, pages) => [...pages, view.page],
      (earlier, later) => [...earlier, ...later],
      { store: 'visits' },
    )
    .toStream()
    .to(visits)
})
