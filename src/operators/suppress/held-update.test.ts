import { expect, test } from 'vitest'
import { decodeHeld, encodeHeld, type HeldUpdate } from './held-update.ts'

const held: HeldUpdate = {
  sentValue: Buffer.from('before'),
  newValue: Buffer.from('after'),
  timestampMs: 1_700_000_000_000,
  topic: 'orders',
  partition: 3,
  offset: 2 ** 40,
  headers: [],
}

test.each<readonly [string, Partial<HeldUpdate>]>([
  ['as it was', {}],
  ['a first update', { sentValue: null }],
  ['a deletion', { newValue: null }],
  ['an empty value', { newValue: Buffer.alloc(0) }],
  ['an update of a punctuation', { topic: '', partition: -1, offset: -1 }],
  [
    'its headers, in order, one without a value',
    {
      headers: [
        ['trace', Buffer.from('1')],
        ['trace', null],
        ['größe', Buffer.alloc(0)],
      ],
    },
  ],
])('an update comes back: %s', (_, part) => {
  const update = { ...held, ...part }
  expect(decodeHeld(encodeHeld(update))).toEqual(update)
})

test.each([
  ['nothing', 0],
  ['a head only', 20],
  ['a cut value', 40],
])('what is no update is refused: %s', (_, length) => {
  expect(() => decodeHeld(encodeHeld(held).subarray(0, length))).toThrow(
    `${length} bytes are no update that was held back`,
  )
})
