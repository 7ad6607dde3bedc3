import { describe, expect, test } from 'vitest'
import { json } from '../../serde/json.ts'
import {
  answerSerde,
  hashOf,
  instructions,
  subscriptionSerde,
  type Answer,
  type Subscription,
} from './subscription.ts'

const hash = Uint8Array.from(hashOf({ fk: 'x' }, json()))
const primaryKey = Uint8Array.of(1, 2, 3)

describe('a message of a foreign-key join', () => {
  test.each(instructions)('comes back as it was sent: %s', (instruction) => {
    for (const each of [hash, null]) {
      const sent: Subscription = { instruction, hash: each, primaryKey }
      expect(subscriptionSerde.deserialize(subscriptionSerde.serialize(sent))).toEqual(sent)
    }
  })

  test.each(['row', '', null])('comes back with its row: %j', (value) => {
    const serde = answerSerde(json<string>())
    const sent: Answer<string> = { hash: null, value }
    expect(serde.deserialize(serde.serialize(sent))).toEqual(sent)
  })

  test.each([
    ['nothing', []],
    ['a cut hash', [0x83, 0, 5]],
    ['an unknown instruction', [0x44, 5]],
  ])('that is %s is refused', (_, bytes) => {
    expect(() => subscriptionSerde.deserialize(Uint8Array.from(bytes))).toThrow(
      'no message of a foreign-key join',
    )
  })
})
