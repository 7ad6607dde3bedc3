import { describe, expect, test } from 'vitest'
import { json } from '../serde/json.ts'
import { string } from '../serde/string.ts'
import { changeSerde } from './change-serde.ts'

describe('an update in a repartition topic', () => {
  const serde = changeSerde(json<unknown>())

  test.each([
    { newValue: { a: 1 }, oldValue: { a: 0 } },
    { newValue: 'entered', oldValue: null },
    { newValue: null, oldValue: 'left' },
    { newValue: null, oldValue: null },
  ])('comes back as it was: %j', (change) => {
    expect(serde.deserialize(serde.serialize(change))).toEqual(change)
  })

  test('tells an empty value from none', () => {
    const texts = changeSerde(string)
    expect(texts.deserialize(texts.serialize({ newValue: '', oldValue: null }))).toEqual({
      newValue: '',
      oldValue: null,
    })
  })

  test('is written before its serde writes the next value into the same buffer', () => {
    const shared = Buffer.alloc(1)
    const reusing = changeSerde<number>({
      name: 'reusing',
      serialize: (value) => {
        shared[0] = value
        return shared
      },
      deserialize: (bytes) => bytes[0] ?? -1,
    })
    const change = { newValue: 1, oldValue: 2 }
    expect(reusing.deserialize(reusing.serialize(change))).toEqual(change)
  })

  test.each([[[]], [[1, 0, 0]], [[1, 0, 0, 0, 9, 65]]])(
    'is refused where bytes are cut: %j',
    (bytes) => {
      expect(() => serde.deserialize(Uint8Array.from(bytes))).toThrow('are no table update')
    },
  )
})
