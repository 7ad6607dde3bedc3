import { expect, test } from 'vitest'
import { deadLetterOf } from './dead-letter.ts'
import type { Header } from './record.ts'

const header = (name: string, value: string): Header => [name, Buffer.from(value)]

const letterWith = (headers: readonly Header[]) => {
  const place = { topic: 'dead', partition: 0, offset: 0, timestampMs: 7, key: null, value: null }
  const letter = deadLetterOf({ ...place, headers })
  return {
    ...letter,
    headers: letter.headers.map(([name, value]) => [name, String(value && Buffer.from(value))]),
  }
}

test('a record that came from another dead-letter topic keeps what it came with', () => {
  const letter = letterWith([
    header('__streams.errors.topic', 'orders'),
    header('trace', 't-1'),
    header('millrace.redrive.attempts', '2'),
    header('__streams.errors.topic', 'orders.dead-letters'),
    header('__streams.errors.partition', '3'),
  ])
  expect(letter).toMatchObject({ topic: 'orders.dead-letters', partition: 3, redrives: 2 })
  expect(letter.headers).toEqual([
    ['__streams.errors.topic', 'orders'],
    ['trace', 't-1'],
  ])
})

test('what the headers do not say is not taken for partition 0', () => {
  expect(letterWith([header('__streams.errors.topic', 'orders')])).toMatchObject({
    topic: 'orders',
    partition: -1,
    offset: -1,
    redrives: 0,
    failedAtMs: 0,
  })
})
