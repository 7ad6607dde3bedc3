import { int32, json, string, topic, topology } from 'millrace'

export interface Click {
  readonly user: string
  readonly path: string
  readonly tookMs: number
  readonly agent: 'browser' | 'bot'
}

export const clicks = topic('clicks', { key: string, value: json<Click>() })
export const botClicks = topic('clicks.bots', { key: string, value: json<Click>() })
export const slowPaths = topic('clicks.slow-paths', { key: string, value: string })
export const perUser = topic('clicks.per-user', { key: string, value: json<number>() })
export const perSecond = topic('clicks.per-second', { key: int32, value: json<number>() })

export default topology('clicks', (builder) => {
  const { bots, default: people } = builder
    .stream(clicks)
    .split({ bots: (click) => click.agent === 'bot' })

  bots.to(botClicks)

  people
    .filter((click) => click.tookMs > 1_000)
    .mapValues((click, { timestampMs }) => `${timestampMs} ${click.path}`)
    .to(slowPaths)

  people
    .groupBy((click) => click.user, { name: 'by-user' })
    .count({ store: 'clicks-per-user' })
    .toStream()
    .to(perUser)

  people
    .groupBy((click) => Math.ceil(click.tookMs / 1_000), { name: 'by-second', key: int32 })
    .count({ store: 'clicks-per-second' })
    .toStream()
    .to(perSecond)
})
