import { json, reject, string, topic, topology, type Decider } from 'millrace'
import {
  differences,
  grouped,
  inputOf,
  keyOf,
  losses,
  seenIn,
  textOf,
  type ScenarioMaker,
} from '../scenario.ts'

interface Transfer {
  readonly id: string
  readonly amount: number
}
interface Account {
  readonly balance: number
  readonly moves: number
}

/** An account is never overdrawn; who sends a transfer twice hears that it was done. */
const bank: Decider<Transfer, Account, string, string> = {
  initialState: { balance: 0, moves: 0 },
  state: json<Account>(),
  decide: ({ id, amount }, { balance, moves }) =>
    balance + amount < 0 ? reject(`${id} has ${balance}`) : `${id} ${amount} ${moves}`,
  evolve: ({ balance, moves }, event) => ({
    balance: balance + Number(event.split(' ')[1]),
    moves: moves + 1,
  }),
}

const transfers = topic('transfers', { key: string, value: json<Transfer>() })
const moves = topic('moves', { key: string, value: json<string>() })
const refusals = topic('refusals', { key: string, value: json<{ readonly reason: string }>() })

const banking = topology('banking', (builder) => {
  const account = builder.stream(transfers).decide(bank, { store: 'accounts' })
  account.events.to(moves)
  account.rejected.to(refusals)
})

/** Event sourcing: what is decided depends on everything before it. */
export const accounts: ScenarioMaker = (random, size) => {
  const records = inputOf('transfers', size, (index) => ({
    key: keyOf(random),
    value: JSON.stringify({ id: `t${index}`, amount: Math.floor(random() * 20) - 8 }),
  }))
  const balances = new Map<string, Account>()
  const events: [string, string][] = []
  const refused: [string, string][] = []
  for (const { key, value } of records) {
    const { id, amount } = JSON.parse(value) as Transfer
    const { balance, moves: count } = balances.get(key) ?? { balance: 0, moves: 0 }
    if (balance + amount < 0) {
      refused.push([key, `${id} has ${balance}`])
      continue
    }
    events.push([key, `"${id} ${amount} ${count}"`])
    balances.set(key, { balance: balance + amount, moves: count + 1 })
  }
  return {
    topology: banking,
    topics: ['transfers', 'moves', 'refusals'],
    inputs: ['transfers'],
    records,
    problems: (committed, { guarantee }) => {
      if (guarantee === 'at-least-once') {
        // Deciding again, it may decide otherwise: all that is sure is that each was decided.
        const ids = grouped(records.map(({ value }) => ['ids', (JSON.parse(value) as Transfer).id]))
        const answers = [...committed('moves'), ...committed('refusals')].flat()
        const decided = answers.map(({ value }) => /t\d+/.exec(textOf(value))?.[0] ?? '')
        return losses('transfers', new Map([['ids', decided]]), ids)
      }
      const reasons = seenIn(committed, 'refusals', ({ key, value }) => [
        textOf(key),
        (JSON.parse(textOf(value)) as { reason: string }).reason,
      ])
      return [
        ...differences('moves', seenIn(committed, 'moves'), grouped(events)),
        ...differences('refusals', reasons, grouped(refused)),
      ]
    },
  }
}
