import { json } from '../../serde/json.ts'
import type { Serde } from '../../serde/serde.ts'
import { string } from '../../serde/string.ts'
import type { Windowed } from '../../serde/windowed-key.ts'
import type { Topic } from '../../topology/topic.ts'
import { topic } from '../topic.ts'
import type { WindowedKey } from './fixture.ts'

/** Topics of the fixtures: text keys, which may be missing, and JSON values. */
export const textTopic = <V>(name: string): Topic<string | null, V> =>
  topic(name, { key: string as unknown as Serde<string | null>, value: json<V>() })

/** Topics of the fixtures with windowed keys. */
export const windowedTopic = <V>(name: string): Topic<Windowed<string>, V> =>
  topic(name, {
    key: {
      name: 'windowed',
      serialize: (key) => string.serialize(windowedText + JSON.stringify(written(key))),
      deserialize: (): Windowed<string> => {
        throw new TypeError('windowed keys are written only')
      },
    },
    value: json<V>(),
  })

/** No key of a fixture begins like this. */
const windowedText = 'windowed '

export const written = ({ key, window }: Windowed<string>): WindowedKey => ({
  key,
  windowStartMs: window.startMs,
  windowEndMs: window.endMs,
})

export const readKey = (key: string | null): string | WindowedKey | null =>
  key !== null && key.startsWith(windowedText)
    ? (JSON.parse(key.slice(windowedText.length)) as WindowedKey)
    : key
