import { describe, expect, test } from 'vitest'
import { ProtocolReader } from '../../wire/protocol-reader.ts'
import { isFlexible } from '../../wire/protocol-request.ts'
import { ProtocolWriter } from '../../wire/protocol-writer.ts'
import { metadataRequest } from './metadata.ts'

const ID = 'Gx3vX6gKTvKZ0YwRiaHGKQ'
const NO_OPERATIONS = -2_147_483_648

/** https://kafka.apache.org/protocol#The_Messages_Metadata, as a broker writes it. */
function answer(version: number, id: string): Buffer {
  const writer = new ProtocolWriter(isFlexible(metadataRequest([]).api, version))
  writer.int32(0)
  writer.array([7], (node) => writer.int32(node).string('broker').int32(9092).string(null).tags())
  writer.string('cluster').int32(7)
  writer.array(['orders'], (topic) => {
    writer.int16(0).string(topic)
    if (version >= 10) writer.uuid(id)
    writer.boolean(false).array([1, 0], (partition) =>
      writer
        .int16(0)
        .int32(partition)
        .int32(7)
        .int32(3)
        .array([7], (node) => writer.int32(node))
        .array([7], (node) => writer.int32(node))
        .array([], () => {})
        .tags(),
    )
    if (version >= 8) writer.int32(NO_OPERATIONS)
    writer.tags()
  })
  if (version >= 8 && version <= 10) writer.int32(NO_OPERATIONS)
  return writer.tags().finish()
}

const read = (version: number, id: string) => {
  const { api, decode } = metadataRequest(['orders'])
  return decode(new ProtocolReader(answer(version, id), isFlexible(api, version)), version)
}

const partitions = [
  { id: 0, leader: 7 },
  { id: 1, leader: 7 },
]

describe('metadata', () => {
  test.for([7, 8, 9])('of version %i has no topic ids', (version) => {
    expect(read(version, ID).topics.get('orders')).toEqual({ id: '', partitions })
  })

  test.for([10, 11, 12])('of version %i has topic ids', (version) => {
    expect(read(version, ID).topics.get('orders')).toEqual({ id: ID, partitions })
    expect(read(version, '').topics.get('orders')).toEqual({ id: '', partitions })
  })
})
