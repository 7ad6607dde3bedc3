import { json, keyValueStore, sideOutput, string, topic, topology, type Processor } from 'millrace'

export interface Reading {
  readonly celsius: number
}

export interface Silence {
  readonly sensor: string
  readonly silentForMs: number
}

export const readings = topic('readings', { key: string, value: json<Reading>() })
export const silences = topic('sensors.silent', { key: string, value: json<Silence>() })
export const impossible = topic('readings.impossible', { key: string, value: json<Reading>() })

const ABSOLUTE_ZERO = -273.15
const SILENT_AFTER_MS = 60_000

const lastSeen = keyValueStore('last-seen', { key: string, value: json<number>() })
const tooCold = sideOutput<string, Reading>('too-cold')

/** Says which sensors have not been heard of for a minute. */
const watch: Processor<string, Reading, string, Silence> = {
  init: ({ schedule, store, forward }) => {
    const seen = store<string, number>('last-seen')
    schedule('10s', 'wall-clock', (nowMs) => {
      const silent = [...seen.all()].filter(([, seenMs]) => nowMs - seenMs >= SILENT_AFTER_MS)
      for (const [sensor, seenMs] of silent) {
        forward({ key: sensor, value: { sensor, silentForMs: nowMs - seenMs } })
        seen.delete(sensor)
      }
    })
  },

  process: ({ key, value }, { store, sideOutput: give, wallClockMs }) => {
    if (value.celsius < ABSOLUTE_ZERO) give(tooCold, { key, value })
    else store<string, number>('last-seen').put(key, wallClockMs)
  },
}

export default topology('sensors', (builder) => {
  const watched = builder.stream(readings).process(watch, { name: 'watch', stores: [lastSeen] })
  watched.to(silences)
  watched.sideOutput(tooCold).to(impossible)
})
