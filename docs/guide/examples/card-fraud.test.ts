import { pattern, string, topic, topology, type Pattern } from 'millrace'
import { TopologyTestDriver } from 'millrace/testing'
import { describe, expect, test } from 'vitest'
import cardFraud, { alerts, nearMisses, payments } from './card-fraud.ts'

test('three small payments before a large one are an alert', async () => {
  await using driver = new TopologyTestDriver(cardFraud)
  const pay = (card: string, amount: number, second: number): Promise<void> =>
    driver.input(payments).send(card, { amount, shop: 'shop' }, { timestampMs: second * 1_000 })
  await pay('stolen', 1, 10)
  await pay('stolen', 2, 20)
  await pay('mine', 900, 21)
  await pay('stolen', 900, 40)
  await pay('stolen', 1, 30)
  expect(driver.output(alerts).keyValues()).toEqual([])
  await pay('mine', 3, 60)
  expect(driver.output(alerts).keyValues()).toEqual([
    ['stolen', { tried: 3, amount: 900, shop: 'shop' }],
  ])
})

test('three small payments and nothing more are a near miss, ten minutes later', async () => {
  await using driver = new TopologyTestDriver(cardFraud)
  for (const second of [1, 2, 3]) {
    await driver
      .input(payments)
      .send('lost', { amount: 1, shop: 'shop' }, { timestampMs: second * 1_000 })
  }
  await driver.input(payments).send('other', { amount: 1, shop: 'shop' }, { timestampMs: 620_000 })
  expect(driver.output(nearMisses).keyValues()).toEqual([['lost', 3]])
})

const events = topic('events', { key: string, value: string })
const found = topic('found', { key: string, value: string })

/** The matches in events like `a1`, of which a step wants those with its letter. */
async function matches(
  words: Pattern<string, object, object>,
  letters: string,
): Promise<readonly string[]> {
  const built = topology('letters', (builder) => {
    builder
      .stream(events)
      .detect(words)
      .mapValues((match) => Object.values(match).flat().join(' '))
      .to(found)
  })
  await using driver = new TopologyTestDriver(built)
  for (const letter of letters.split(' ')) await driver.input(events).send('k', letter)
  return driver.output(found).values().toSorted()
}

const is = (letter: string) => (event: string) => event.startsWith(letter)
const letters = () => pattern<string>('letters', { unbounded: true })

describe('the tables of the guide are right:', () => {
  test('how events follow each other', async () => {
    const a = letters().begin('a', is('a'))
    expect(await matches(a.next('b', is('b')), 'a c b1 b2')).toEqual([])
    expect(await matches(a.followedBy('b', is('b')), 'a c b1 b2')).toEqual(['a b1'])
    expect(await matches(a.followedByAny('b', is('b')), 'a c b1 b2')).toEqual(['a b1', 'a b2'])
  })

  test('how the events of a repeated step follow each other', async () => {
    const some = letters().begin('a', is('a')).followedBy('b', is('b')).oneOrMore()
    const input = 'a b1 d b2 b3 c'
    expect(await matches(some.followedBy('c', is('c')), input)).toEqual([
      'a b1 b2 b3 c',
      'a b1 b2 c',
      'a b1 c',
    ])
    expect(await matches(some.consecutive().followedBy('c', is('c')), input)).toEqual(['a b1 c'])
    expect(await matches(some.allowCombinations().followedBy('c', is('c')), input)).toEqual([
      'a b1 b2 b3 c',
      'a b1 b2 c',
      'a b1 b3 c',
      'a b1 c',
    ])
    expect(await matches(some.greedy().followedBy('c', is('c')), input)).toEqual(['a b1 b2 b3 c'])
  })

  test('which matches make others impossible', async () => {
    const some = letters().begin('b', is('b')).oneOrMore().consecutive().next('c', is('c'))
    const input = 'b1 b2 b3 c'
    expect(await matches(some, input)).toEqual(['b1 b2 b3 c', 'b2 b3 c', 'b3 c'])
    expect(await matches(some.skipToNext(), input)).toEqual(['b1 b2 b3 c', 'b2 b3 c', 'b3 c'])
    expect(await matches(some.skipPastLastEvent(), input)).toEqual(['b1 b2 b3 c'])
    expect(await matches(some.skipToFirst('b'), input)).toEqual(['b1 b2 b3 c', 'b2 b3 c', 'b3 c'])
    expect(await matches(some.skipToLast('b'), input)).toEqual(['b1 b2 b3 c', 'b3 c'])
  })
})
