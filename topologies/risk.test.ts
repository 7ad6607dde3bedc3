import { describe, expect, test } from 'vitest'
import { assessed } from './risk.ts'
import { START_MS, UserStory } from './risk/user-story.fixtures.ts'

/** So many small purchases, which break no rule. */
const usually = (times: number): readonly number[] => Array.from({ length: times }, () => 2_000)

describe('a transaction', () => {
  test('is assessed beside the average of the last ten, at the time at which it was made', async () => {
    await using user = new UserStory()
    await user.pays(...usually(5), 3_000)
    await user.wait('1h')
    await user.pays(2_500)
    const [, , , , , sixth, seventh] = (await user.assessed()).map(([, each]) => each)
    expect(sixth).toEqual({
      ...{ transactionId: 'tx-6', amount: 3_000, merchant: 'bakery', atMs: START_MS },
      ...{ usual: 2_000, merchantScore: 0.1, reasons: [] },
    })
    expect(seventh).toMatchObject({ usual: 13_000 / 6, atMs: START_MS + 3_600_000 })
  })

  test('is assessed together with forty-nine others, or after a fifth of a second', async () => {
    await using user = new UserStory()
    for (let nth = 0; nth < 60; nth += 1) await user.pay({}, `user-${nth}`)
    expect(user.driver.output(assessed).values()).toHaveLength(50)
    expect(await user.assessed()).toHaveLength(10)
  })

  test('keeps the order of its user', async () => {
    await using user = new UserStory()
    for (const amount of [1_001, 1_002, 1_003]) {
      await user.pay({ amount })
      await user.pay({ amount }, 'bob')
    }
    const amounts = (await user.assessed()).map(([name, { amount }]) => `${name} ${amount}`)
    expect(amounts).toEqual(
      [1_001, 1_002, 1_003].flatMap((amount) => [`ada ${amount}`, `bob ${amount}`]),
    )
  })
})

describe('a transaction that is none', () => {
  test.each([
    ['JSON that ends too early', '{"transactionId":', 'SyntaxError'],
    ['nothing', '{"transactionId":"t","amount":0,"merchant":"m"}', 'RangeError'],
    ['less than nothing', '{"transactionId":"t","amount":-5,"merchant":"m"}', 'RangeError'],
    ['half a cent', '{"transactionId":"t","amount":0.5,"merchant":"m"}', 'RangeError'],
    ['a text for an amount', '{"transactionId":"t","amount":"5","merchant":"m"}', 'RangeError'],
    ['no merchant', '{"transactionId":"t","amount":5}', 'TypeError'],
  ])('is a dead letter, as it was written: %s', async (_, text, exception) => {
    await using user = new UserStory()
    await user.text(text)
    expect(user.deadLetters()).toMatchObject([
      { key: Buffer.from('ada'), value: Buffer.from(text), topic: 'transactions', exception },
    ])
    expect(await user.assessed()).toEqual([])
  })

  test('counts in no average, no sum and no pattern', async () => {
    await using user = new UserStory()
    await user.pays(100, 100, 100)
    await user.pay({ amount: -1 })
    await user.pays(60_000)
    expect(await user.broken()).toEqual([['card tried out', 'tx-5']])
  })
})

describe('the rate limit', () => {
  test('lets a hundred a second of a user through, and sets the others aside', async () => {
    await using user = new UserStory()
    await user.pays(...usually(101))
    expect(user.tooFast().map(([, { transactionId }]) => transactionId)).toEqual(['tx-101'])
    expect(await user.assessed()).toHaveLength(100)
  })

  test('is that of each user', async () => {
    await using user = new UserStory()
    await user.pays(...usually(101))
    await user.pay({}, 'bob')
    expect(user.tooFast()).toHaveLength(1)
  })

  test('goes on with event time', async () => {
    await using user = new UserStory()
    await user.pays(...usually(100))
    await user.wait('500ms')
    await user.pays(...usually(51))
    expect(user.tooFast()).toHaveLength(1)
  })
})

describe('an unusual amount', () => {
  test('is one of more than three times the average of the last ones', async () => {
    await using user = new UserStory()
    await user.pays(...usually(5), 6_000, 8_001)
    expect(await user.alerts()).toEqual([
      [
        'ada',
        {
          transactionId: 'tx-7',
          reasons: [{ rule: 'unusual amount', value: 8_001, limit: 8_000 }],
        },
      ],
    ])
  })

  test('is none of somebody of whom little is known', async () => {
    await using user = new UserStory()
    await user.pays(...usually(4), 40_000)
    expect(await user.broken()).toEqual([])
  })

  test('is usual when it has happened often enough', async () => {
    await using user = new UserStory()
    await user.pays(...usually(10), ...Array.from({ length: 10 }, () => 7_000))
    expect(await user.broken()).toEqual([['unusual amount', 'tx-11']])
    await user.pays(20_000)
    expect(await user.broken()).toEqual([])
  })
})

test('a risky merchant is told of from fifty on, beside whatever else is wrong', async () => {
  await using user = new UserStory()
  await user.pays(...usually(5))
  await user.pay({ amount: 5_000, merchant: 'casino-royale' })
  await user.pay({ amount: 5_001, merchant: 'casino-royale' })
  await user.pay({ amount: 50_000, merchant: 'casino-royale' })
  expect(await user.broken()).toEqual([
    ['risky merchant', 'tx-7'],
    ['unusual amount', 'tx-8'],
    ['risky merchant', 'tx-8'],
  ])
})

describe('what a user spends in an hour', () => {
  test('is told of once when it passes 2,000, with the transaction that made it pass', async () => {
    await using user = new UserStory()
    for (let minute = 0; minute < 50; minute += 1) {
      await user.pays(4_500)
      await user.wait('1m')
    }
    expect(await user.alerts()).toEqual([
      [
        'ada',
        {
          transactionId: 'tx-45',
          reasons: [{ rule: 'too much in an hour', value: 202_500, limit: 200_000 }],
        },
      ],
    ])
  })

  test('is told of again after an hour', async () => {
    await using user = new UserStory()
    for (let nth = 0; nth < 90; nth += 1) {
      await user.pays(5_100)
      await user.wait('90s')
    }
    // Forty of them are too much: those of the first hour, and those from 1:05 on.
    expect(await user.broken()).toEqual([
      ['too much in an hour', 'tx-40'],
      ['too much in an hour', 'tx-84'],
    ])
  })

  test('is also how often something was spent', async () => {
    await using user = new UserStory()
    await user.pays(...usually(51))
    expect(await user.broken()).toEqual([['too often in an hour', 'tx-51']])
  })

  test('slides: what comes within one hour counts, also across two hours of the clock', async () => {
    await using user = new UserStory()
    await user.wait('40m')
    await user.pays(...usually(30))
    await user.wait('30m')
    await user.pays(...usually(21))
    expect(await user.broken()).toEqual([['too often in an hour', 'tx-51']])
  })

  test('is forgotten after an hour', async () => {
    await using user = new UserStory()
    await user.pays(...usually(30))
    await user.wait('60m')
    await user.pays(...usually(30))
    expect(await user.broken()).toEqual([])
  })
})

describe('a card that is tried out', () => {
  test('is one with three small sums or more, and then a large one', async () => {
    await using user = new UserStory()
    await user.pays(100, 200, 300, 499, 50_001)
    expect(await user.alerts()).toEqual([
      ['ada', { transactionId: 'tx-5', reasons: [{ rule: 'card tried out', value: 4, limit: 2 }] }],
    ])
  })

  test.each([
    ['two small sums', [100, 200, 60_000]],
    ['something else in between', [100, 200, 300, 2_000, 60_000]],
    ['no large sum', [100, 200, 300, 400]],
  ])('is none with %s', async (_, amounts) => {
    await using user = new UserStory()
    await user.pays(...amounts)
    expect(await user.broken()).toEqual([])
  })

  test('is none when the large sum comes ten minutes later', async () => {
    await using user = new UserStory()
    await user.pays(100, 200, 300)
    await user.wait('10m')
    await user.pays(60_000)
    expect(await user.broken()).toEqual([])
  })
})
