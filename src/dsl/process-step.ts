import type { ProcessDeclaration } from '../operators/process-context.ts'
import type { ProcessorDraft } from '../topology/graph-builder.ts'
import type { OperatorFactory } from '../topology/processor.ts'
import { addStep, declareStore, type Flow } from './flow.ts'
import type { ProcessOptions } from './stream-options.ts'

/**
 * Adds a processor. It learns its side outputs when a task starts, since they may be added later.
 */
export function processStep(
  flow: Flow,
  operator: string,
  { name, stores = [] }: ProcessOptions,
  create: (declaration: ProcessDeclaration) => OperatorFactory,
): ProcessorDraft {
  const declared = stores.map((store) =>
    typeof store === 'string' ? store : declareStore(flow.graph, store, {}).name,
  )
  const draft: ProcessorDraft = addStep(flow, {
    operator,
    name,
    stores: declared,
    create: (context) => create(draft)(context),
  })
  return draft
}
