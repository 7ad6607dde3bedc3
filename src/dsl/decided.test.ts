import { describe, expect, test } from 'vitest'
import { reject, type Decider } from '../operators/decide.ts'
import { json } from '../serde/json.ts'
import { string } from '../serde/string.ts'
import { TopologyTestDriver } from '../testing/topology-test-driver.ts'
import { describeAsJson } from '../topology/describe.ts'
import { deadLetters, topic } from './topic.ts'
import { topology } from './topology.ts'

type Command =
  | { readonly type: 'deposit'; readonly amount: number }
  | { readonly type: 'withdraw'; readonly amount: number }
  | { readonly type: 'close' }
type Event =
  | { readonly type: 'deposited'; readonly amount: number; readonly atMs: number }
  | { readonly type: 'withdrawn'; readonly amount: number }
  | { readonly type: 'closed' }
interface Account {
  readonly balance: number
}

const account: Decider<Command, Account | null, Event, string> = {
  initialState: { balance: 0 },
  decide: (command, state, { timestampMs }) => {
    const balance = state?.balance ?? 0
    switch (command.type) {
      case 'deposit':
        if (command.amount < 0) throw new RangeError('nobody deposits a debt')
        if (command.amount === 0) return []
        return { type: 'deposited', amount: command.amount, atMs: timestampMs }
      case 'withdraw':
        if (command.amount > balance) return reject(`only ${balance} left`)
        return { type: 'withdrawn', amount: command.amount }
      case 'close':
        return balance === 0
          ? { type: 'closed' }
          : [{ type: 'withdrawn', amount: balance }, { type: 'closed' }]
    }
  },
  evolve: (state, event) => {
    const balance = state?.balance ?? 0
    switch (event.type) {
      case 'deposited':
        return { balance: balance + event.amount }
      case 'withdrawn':
        return { balance: balance - event.amount }
      case 'closed':
        return null
    }
  },
}

const commands = topic('commands', { key: string, value: json<Command>() })
const events = topic('events', { key: string, value: json<Event>() })
const refused = topic('refused', { key: string, value: json<unknown>() })
const balances = topic('balances', { key: string, value: json<Account>() })
const failed = deadLetters('failed')

const bank = topology('bank', { deadLetters: failed }, (builder) => {
  const decided = builder.stream(commands).decide(account, { store: 'account' })
  decided.events.to(events)
  decided.rejected.to(refused)
  decided.states.toStream().to(balances)
})

const deposit = (amount: number): Command => ({ type: 'deposit', amount })
const withdraw = (amount: number): Command => ({ type: 'withdraw', amount })

describe('a decider', () => {
  test('turns commands into events and folds them into the state of the key', async () => {
    await using driver = new TopologyTestDriver(bank)
    const input = driver.input(commands)
    await input.send('ann', deposit(5), { timestampMs: 100 })
    await input.send('ann', withdraw(2), { timestampMs: 90 })
    await input.send('bob', deposit(1), { timestampMs: 110 })
    expect(driver.output(events).keyValues()).toEqual([
      ['ann', { type: 'deposited', amount: 5, atMs: 100 }],
      ['ann', { type: 'withdrawn', amount: 2 }],
      ['bob', { type: 'deposited', amount: 1, atMs: 110 }],
    ])
    expect(driver.output(balances).keyValues()).toEqual([
      ['ann', { balance: 5 }],
      ['ann', { balance: 3 }],
      ['bob', { balance: 1 }],
    ])
    expect(driver.store('account').getWithTimestamp('ann')).toEqual({
      value: { balance: 3 },
      timestampMs: 100,
    })
  })

  test('may refuse a command, which changes nothing', async () => {
    await using driver = new TopologyTestDriver(bank)
    await driver.input(commands).send('ann', withdraw(2))
    expect(driver.output(refused).keyValues()).toEqual([
      ['ann', { command: withdraw(2), reason: 'only 0 left' }],
    ])
    expect(driver.output(events).records()).toEqual([])
    expect(driver.output(balances).records()).toEqual([])
    expect(driver.store('account').get('ann')).toBeUndefined()
  })

  test('may answer with several events, or with none', async () => {
    await using driver = new TopologyTestDriver(bank)
    const input = driver.input(commands)
    await input.send('ann', deposit(5), { timestampMs: 1 })
    await input.send('ann', deposit(0), { timestampMs: 2 })
    await input.send('ann', { type: 'close' }, { timestampMs: 3 })
    expect(driver.output(events).values()).toEqual([
      { type: 'deposited', amount: 5, atMs: 1 },
      { type: 'withdrawn', amount: 5 },
      { type: 'closed' },
    ])
    expect(driver.output(balances).values()).toEqual([{ balance: 5 }, null])
    expect(driver.store('account').get('ann')).toBeUndefined()
  })

  test('that throws leaves the state as it was; the command becomes a dead letter', async () => {
    await using driver = new TopologyTestDriver(bank)
    const input = driver.input(commands)
    await input.send('ann', deposit(5))
    await input.send('ann', deposit(-1))
    await input.send('ann', withdraw(5))
    expect(driver.deadLetters()).toMatchObject([
      { node: 'decide(account)', message: 'nobody deposits a debt', offset: 1 },
    ])
    expect(driver.output(balances).values()).toEqual([{ balance: 5 }, { balance: 0 }])
  })

  test('keeps no state of an event that cannot be written, so its command may be sent again', async () => {
    const unwritable = topology('unwritable', { deadLetters: failed }, (builder) => {
      const decided = builder.stream(commands).decide(account, { store: 'account' })
      decided.events.mapValues((event) => ({ ...event, amount: 1n })).to(refused)
    })
    await using driver = new TopologyTestDriver(unwritable)
    await driver.input(commands).send('ada', { type: 'deposit', amount: 5 })
    expect(driver.store('account').get('ada')).toBeUndefined()
    expect(driver.deadLetters().map(({ code }) => code)).toEqual(['SERDE_FAILED'])
  })

  test('is not asked about records without a key or a command', async () => {
    await using driver = new TopologyTestDriver(bank)
    await driver.input(commands).send(null, deposit(5))
    await driver.input(commands).send('ann', null)
    expect(driver.output(events).records()).toEqual([])
    expect(driver.counters.dropped).toBe(2)
  })

  test('has only the outputs that somebody reads', () => {
    const built = topology('bank', (builder) => {
      builder.stream(commands).decide(account, { store: 'account' }).events.to(events)
    })
    const [, decide] = describeAsJson(built).subTopologies[0]?.nodes ?? []
    expect(decide).toMatchObject({ name: 'decide(account)', outputs: [] })
  })
})
