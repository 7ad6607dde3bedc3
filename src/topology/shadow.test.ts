import { expect, test } from 'vitest'
import { deadLetters, json, string, topic, topology } from 'millrace'
import { TopologyTestDriver } from 'millrace/testing'
import { outputTopics, shadowed } from './shadow.ts'

const orders = topic('orders', { key: string, value: string })
const events = topic('events', { key: string, value: string })
const lengths = topic('lengths', { key: string, value: json<number>() })
const topics = Object.fromEntries(
  ['even', 'odd'].map((name) => [name, topic(name, { key: string, value: string })]),
) as Record<'even' | 'odd', typeof events>

/** It reads what it writes, and chooses topics by a function. */
const looping = topology('looping', { deadLetters: deadLetters('dead') }, (builder) => {
  builder.stream(orders).to(events)
  const again = builder.stream(events)
  again.mapValues((value) => value.length).to(lengths)
  again.to((value) => (value.length % 2 === 0 ? topics.even : topics.odd))
})

test('a shadow writes to topics of its own, and reads its own outputs from there', async () => {
  const shadow = shadowed(looping, 'try')
  await using driver = new TopologyTestDriver(shadow)
  await driver.input(orders).send('o-1', 'tea')
  await driver.input(orders).sendBytes(Buffer.from('o-2'), Buffer.from([0xff]))
  const named = <T extends { readonly name: string }>(each: T): T => ({
    ...each,
    name: `try.${each.name}`,
  })
  expect(driver.output(named(events)).values()[0]).toBe('tea')
  expect(driver.output(named(lengths)).values()[0]).toBe(3)
  expect(driver.output(named(topics.odd)).values()).toEqual(['tea'])
  for (const each of [events, topics.odd, topics.even]) {
    expect(driver.output(each).records()).toEqual([])
  }
  expect(driver.output(lengths).records()).toEqual([])
})

test('it is another graph than the topology, and always the same one', () => {
  expect(outputTopics(looping)).toEqual(['events', 'lengths', 'dead'])
  const shadow = shadowed(looping, 'try')
  expect(outputTopics(shadow)).toEqual(['try.events', 'try.lengths', 'try.dead'])
  expect(shadow.fingerprint).toBe(shadowed(looping, 'try').fingerprint)
  expect(shadow.fingerprint).not.toBe(looping.fingerprint)
  expect(shadow.name).toBe('looping')
})

test('a pattern that reads what the topology writes cannot be told apart', () => {
  const pattern = topology('pattern', (builder) => {
    builder.stream(/^ev/, { key: string, value: string }).to(events)
  })
  expect(() => shadowed(pattern, 'try')).toThrow('the pattern /^ev/ reads "events"')
})
