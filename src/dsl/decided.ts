import {
  decide,
  rejectedOutput,
  statesOutput,
  type Decider,
  type Rejection,
} from '../operators/decide.ts'
import { storeView } from '../operators/table-view.ts'
import { json } from '../serde/json.ts'
import type { ProcessorDraft } from '../topology/graph-builder.ts'
import { addStep, declareStore, type AnySerde, type Flow } from './flow.ts'
import { storeNameOf, type AnyStoreOption } from '../topology/key-value-store.ts'
import type { Stream } from './stream.ts'
import type { Table } from './table.ts'

/** What became of commands. Outputs that nobody asks for cost nothing. */
export interface Decided<
  out K,
  out Command,
  out State,
  out Event,
  out Reason,
  in S = NonNullable<K>,
> {
  /** With the command's key, timestamp and headers. */
  readonly events: Stream<K, Event, S>
  /** Refused commands with their reasons. */
  readonly rejected: Stream<K, Rejection<Command, Reason>, S>
  /** The state of each entity after each command that changed it. */
  readonly states: Table<K, NonNullable<State>, S>
}

export function decideFlow<K, C, State, Event, Reason, S>(
  flowTo: (store: string) => Flow,
  decider: Decider<C, State, Event, Reason, K>,
  option: AnyStoreOption | undefined,
): Decided<K, C, State, Event, Reason, S> {
  const name = storeNameOf('decide', option)
  const flow = flowTo(name)
  const { graph, words } = flow
  const store = declareStore(graph, option ?? name, {
    key: flow.key,
    value: (decider.state as AnySerde | undefined) ?? json<unknown>(),
  })
  const draft: ProcessorDraft = addStep(flow, {
    operator: 'decide',
    name: `decide(${name})`,
    stores: [name],
    create: (context) => decide(name, decider, draft.outputs)(context),
  })
  const output = (from: string | undefined): Flow => {
    if (from !== undefined && !draft.outputs.includes(from)) draft.outputs.push(from)
    return { ...flow, key: store.key, value: undefined, from: { node: draft.name, output: from } }
  }
  return {
    events: words.stream(output(undefined)),
    get rejected() {
      return words.stream<K, Rejection<C, Reason>, S>(output(rejectedOutput))
    },
    get states() {
      const { rekeyed: _, ...flow } = output(statesOutput)
      return words.table<K, NonNullable<State>, S>({
        ...flow,
        value: store.value,
        demandOldValues: () => {},
        view: storeView(name),
      })
    },
  }
}
