/** Hashes as `org.apache.kafka.common.utils.Utils.murmur2` (kafka-clients 4.1.1) gives them. */
import { expect, test } from 'vitest'
import { murmur2, partitionForKey } from './murmur2.ts'

const hashes: readonly (readonly [hex: string, hash: number])[] = [
  ['', 275646681],
  ['73', -342070737],
  ['d89c', 4774570],
  ['6f0efb', 988846311],
  ['92f94d68', -1555930782],
  ['fccc2c35f0', 1078096385],
  ['e5f12c55dd85', 1972921184],
  ['d5d9bef76808f3', -1431406067],
  ['72e5900112b81927', -1025884615],
  ['43d9d16008aabc9fb77cc723a56017e1', -1922765112],
  ['4f1ce8b1698341734a6823ce02043e016b', -892024151],
  ['214a2ddab82fec85c0b9fe0549c475be5b88', 292731551],
  ['b8995b24fb5c6846f88b527b4f9d4c1391f167', 513129706],
]

test.each(hashes)('bytes %s have the hash that Java gives them', (hex, hash) => {
  expect(murmur2(Buffer.from(hex, 'hex'))).toEqual(hash)
})

const partitions: readonly (readonly [key: string, hash: number, ofTwelve: number])[] = [
  ['21', -973932308, 0],
  ['foobar', -790332482, 6],
  ['a-little-bit-long-string', -985981536, 8],
  ['a-little-bit-longer-string', -1486304829, 11],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971, 5],
  ['order-1', 1221710326, 10],
]

test.each(partitions)("key %s goes to the partition of Java's producer", (key, hash, ofTwelve) => {
  const bytes = Buffer.from(key)
  expect([murmur2(bytes), partitionForKey(bytes, 12)]).toEqual([hash, ofTwelve])
})
