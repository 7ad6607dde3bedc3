import type { Meta } from '../core/record.ts'
import { defaultBranch, split } from '../operators/split.ts'
import { invalidTopology } from '../topology/invalid-topology.ts'
import { addStep, type Flow } from './flow.ts'
import type { Stream } from './stream.ts'

export type Predicates<K, V> = Readonly<Record<string, (value: V, meta: Meta<K>) => boolean>>

/** What a type guard lets through; everything for a plain predicate. */
// oxlint-disable-next-line typescript/no-explicit-any -- else a guard does not match
type GuardedBy<F> = F extends (value: any, meta: any) => value is infer U ? U : unknown

/** A stream for each predicate by its name, and `default` for records that none of them wanted. */
export type Branches<K, V, S, P> = {
  readonly [Name in keyof P]: Stream<K, V & GuardedBy<P[Name]>, S>
} & { readonly default: Stream<K, V, S> }

/** The flows of each branch, by name. */
export function splitFlow<K, V>(flow: Flow, branches: Predicates<K, V>): Record<string, Flow> {
  const predicates = Object.entries(branches)
  for (const [name] of predicates) checkBranch(name)
  const outputs = [...predicates.map(([name]) => name), defaultBranch]
  const { name: node } = addStep(flow, { operator: 'split', outputs, create: split(predicates) })
  return Object.fromEntries(outputs.map((output) => [output, { ...flow, from: { node, output } }]))
}

function checkBranch(name: string): void {
  if (name === defaultBranch) {
    throw invalidTopology(
      'a branch is called "default"',
      'Give it another name: "default" is for records that no branch wants.',
    )
  }
  // An object lists such names first, in numeric order: the first match would not be the first
  // written.
  if (/^\d+$/.test(name)) {
    throw invalidTopology(`a branch is called "${name}"`, 'Give branches names that are words.')
  }
}
