import { expect, test } from 'vitest'
import { bytes } from './bytes.ts'

test('bytes go through as they are', () => {
  const value = Uint8Array.of(0, 255, 128)
  expect(bytes.serialize(value)).toBe(value)
  expect(bytes.deserialize(value)).toBe(value)
})
