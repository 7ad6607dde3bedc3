import { merge } from '../operators/merge.ts'
import type { NodeInput } from '../topology/graph.ts'
import type { OperatorFactory } from '../topology/processor.ts'
import { addStep, type Flow } from './flow.ts'
import type { Grouping } from './grouped-stream.ts'

export interface FoldingSteps {
  readonly operator: string
  readonly store: string
  /** Of each step. */
  readonly outputs?: readonly string[]
  /** One for each flow. */
  readonly create: readonly OperatorFactory[]
}

type Flows = readonly [Flow, ...Flow[]]

/** How streams that are folded into one store come there; each one where its key says. */
export function flowsTo(inputs: readonly { readonly grouping: Grouping }[], store: string): Flows {
  const [first, ...others] = inputs.map(({ grouping }, index) =>
    // A repartition topic that nobody named is called after the store.
    grouping.flowTo(index === 0 ? store : `${store}-${index + 1}`),
  )
  return [first as Flow, ...others]
}

/** A step for each flow, all on one store, and what they send as one. */
export function foldingSteps(
  flows: Flows,
  { operator, store, outputs = [], create }: FoldingSteps,
): { readonly from: NodeInput; readonly steps: readonly string[] } {
  const name = `${operator}(${store})`
  const [{ graph }] = flows
  const steps = create.map((factory, index) => {
    const step = {
      operator,
      name: create.length === 1 ? name : `${operator}-${index + 1}(${store})`,
      stores: [store],
      outputs,
      create: factory,
    }
    return addStep(flows[index] as Flow, step).name
  })
  if (steps.length === 1) return { from: { node: name, output: undefined }, steps }
  const inputs = steps.map((node) => ({ node, output: undefined }))
  const { name: node } = graph.addProcessor({ operator: 'merge', name, inputs, create: merge })
  return { from: { node, output: undefined }, steps }
}
