import { describe, expect, test } from 'vitest'
import {
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
} from './consumer-protocol.ts'

const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'))

const topicsAndData = '0000000200066f726465727300087061796d656e747300000003010203'
const partitions =
  '0000000200066f726465727300000002000000000000000200087061796d656e74730000000100000001'

/** Written by Kafka 4.4's own `ConsumerProtocol`. */
const fromJava = {
  subscriptions: [
    `0000${topicsAndData}`,
    `0001${topicsAndData}${partitions}`,
    `0002${topicsAndData}${partitions}00000007`,
    `0003${topicsAndData}${partitions}0000000700067261636b2d61`,
  ],
  withoutUserData: '00010000000100066f7264657273ffffffff00000000',
  assignments: [`0000${partitions}0000000109`, `0001${partitions}0000000109`],
}

const owned = [
  { topic: 'orders', partition: 0 },
  { topic: 'orders', partition: 2 },
  { topic: 'payments', partition: 1 },
]
const subscription = { topics: ['orders', 'payments'], userData: Buffer.from([1, 2, 3]), owned }
const assignment = { partitions: owned, userData: Buffer.from([9]) }

describe('what members of a group tell each other', () => {
  test('is written as a Kafka consumer writes it', () => {
    expect(encodeSubscription(subscription)).toEqual(Buffer.from(hex(fromJava.subscriptions[1]!)))
    expect(encodeSubscription({ topics: ['orders'], userData: null, owned: [] })).toEqual(
      Buffer.from(hex(fromJava.withoutUserData)),
    )
    expect(encodeAssignment(assignment)).toEqual(Buffer.from(hex(fromJava.assignments[1]!)))
  })

  test.each([0, 1, 2, 3])('a subscription of version %i is read', (version) => {
    expect(decodeSubscription(hex(fromJava.subscriptions[version]!))).toEqual({
      ...subscription,
      owned: version === 0 ? [] : owned,
    })
  })

  test('a subscription without user data is read', () => {
    expect(decodeSubscription(hex(fromJava.withoutUserData))).toEqual({
      topics: ['orders'],
      userData: null,
      owned: [],
    })
  })

  test.each([0, 1])('an assignment of version %i is read', (version) => {
    expect(decodeAssignment(hex(fromJava.assignments[version]!))).toEqual(assignment)
  })

  test('no bytes are an empty assignment, as the leader gives to a member it left out', () => {
    expect(decodeAssignment(new Uint8Array())).toEqual({ partitions: [], userData: null })
  })

  test('bytes of another protocol are refused by name, whatever length they claim', () => {
    const refused = expect.objectContaining({ code: 'INCONSISTENT_GROUP_PROTOCOL', kind: 'fatal' })
    const claimsTwoBillionTopics = hex('00017fffffff0001')
    expect(() => decodeSubscription(claimsTwoBillionTopics)).toThrow(refused)
    expect(() => decodeSubscription(new Uint8Array())).toThrow(refused)
    expect(() => decodeAssignment(hex('0001000000010006'))).toThrow(refused)
  })
})
