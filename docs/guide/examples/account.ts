import { json, reject, string, topic, topology, type Decider } from 'millrace'

export type Command =
  | { readonly type: 'Deposit'; readonly id: string; readonly cents: number }
  | { readonly type: 'Withdraw'; readonly id: string; readonly cents: number }

export type Event =
  | { readonly type: 'Deposited'; readonly id: string; readonly cents: number }
  | { readonly type: 'Withdrawn'; readonly id: string; readonly cents: number }

export interface Account {
  readonly cents: number
  /** Of the last command that was accepted: the same one again is refused. */
  readonly lastId: string
}

export type Refusal = 'repeated' | 'not enough money'

export const account: Decider<Command, Account, Event, Refusal> = {
  initialState: { cents: 0, lastId: '' },

  decide: (command, { cents, lastId }) => {
    if (command.id === lastId) return reject('repeated')
    switch (command.type) {
      case 'Deposit':
        return { type: 'Deposited', id: command.id, cents: command.cents }
      case 'Withdraw':
        if (command.cents > cents) return reject('not enough money')
        return { type: 'Withdrawn', id: command.id, cents: command.cents }
    }
  },

  evolve: (state, event) => ({
    cents: state.cents + (event.type === 'Deposited' ? event.cents : -event.cents),
    lastId: event.id,
  }),
}

export const commands = topic('account.commands', { key: string, value: json<Command>() })
export const events = topic('account.events', { key: string, value: json<Event>() })
export const refused = topic('account.refused', {
  key: string,
  value: json<{ readonly command: Command; readonly reason: Refusal }>(),
})
export const balances = topic('account.balances', { key: string, value: json<number>() })

export default topology('account', (builder) => {
  const decided = builder.stream(commands).decide(account, { store: 'account' })
  decided.events.to(events)
  decided.rejected.to(refused)
  decided.states
    .mapValues((state) => state.cents)
    .toStream()
    .to(balances)
})
