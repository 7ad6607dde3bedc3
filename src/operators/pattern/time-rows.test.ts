import { describe, expect, test } from 'vitest'
import type { RawRecord } from '../../core/record.ts'
import { json } from '../../serde/json.ts'
import type { Serde } from '../../serde/serde.ts'
import { string } from '../../serde/string.ts'
import { timeRowSerde, type TimeRow } from './time-rows.ts'

const serde = timeRowSerde(string as Serde<unknown>, json<unknown>())
const again = (row: TimeRow): TimeRow => serde.deserialize(Buffer.from(serde.serialize(row)))

const trace = ['trace', Buffer.from('7')] as const
const source: RawRecord = {
  topic: 'events',
  partition: 3,
  offset: 2 ** 40,
  timestampMs: 17,
  key: new Uint8Array(Buffer.from('k')),
  value: new Uint8Array(Buffer.from('{"n":1}')),
  headers: [],
}
const event: TimeRow = { kind: 'event', key: 'k', value: { n: 1 }, headers: [], sources: [source] }

describe('a row that is found by time', () => {
  const rows: readonly (readonly [what: string, row: TimeRow])[] = [
    ['an event as it was read', event],
    ['an event that was changed on the way', { ...event, value: { n: 2 }, headers: [trace] }],
    ['an event of a cache, which has no record', { ...event, sources: [] }],
    [
      'an event of several records',
      {
        ...event,
        sources: [
          source,
          { ...source, offset: 5, key: null, headers: [['empty', null]] },
          { ...source, value: null },
        ],
      },
    ],
    ['a timer', { kind: 'timer', key: 'k' }],
    [
      'how far the step has come',
      {
        kind: 'course',
        hash: 2 ** 32 - 1,
        sequence: 2 ** 41,
        streamTimeMs: -1,
        closedMs: -Infinity,
        heardMs: 8,
        isIdle: false,
      },
    ],
  ]

  test.for(rows)('may be %s', ([, row]) => {
    const read = again(row)
    expect(read.kind === 'event' ? plain(read) : read).toEqual(
      row.kind === 'event' ? plain(row) : row,
    )
  })

  test('does not have the bytes of an event twice', () => {
    const other = serde.serialize({ ...event, value: { n: 2 } }).length
    expect(serde.serialize(event).length).toBeLessThan(other - 7)
  })

  test('is written whole after one that could not be', () => {
    const bad = { ...event, value: 1n } as TimeRow
    expect(() => serde.serialize(bad)).toThrow('BigInt')
    expect(again(event)).toEqual(event)
  })
})

/** Buffers and plain bytes are the same here. */
const plain = (row: TimeRow): unknown =>
  JSON.parse(
    JSON.stringify(row, (_, value: unknown) =>
      value instanceof Uint8Array || (value as { type?: string } | null)?.type === 'Buffer'
        ? [...Buffer.from(value as Uint8Array)]
        : value,
    ),
  )
