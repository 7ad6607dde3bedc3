import type { Serde } from './serde.ts'
import { decodeUtf8 } from './string.ts'

/** JSON text in UTF-8. `undefined`, which JSON has no word for, is refused. */
export const json = <T>(): Serde<T> => jsonSerde as Serde<T>

const jsonSerde: Serde<unknown> = {
  name: 'json',
  serialize: (value) => {
    const text = JSON.stringify(value) as string | undefined
    if (text === undefined) throw new TypeError(`a ${typeof value} has no JSON`)
    return Buffer.from(text, 'utf8')
  },
  deserialize: (bytes) => JSON.parse(decodeUtf8(bytes)),
}
