import { checkTimers } from '../operators/process.ts'
import type { ProcessDeclaration } from '../operators/process-context.ts'
import type { ProcessorDraft } from '../topology/graph-builder.ts'
import { invalidTopology } from '../topology/invalid-topology.ts'
import type { OperatorFactory } from '../topology/processor.ts'
import { timerStore, type TimerStoreSpec } from '../topology/timer-store.ts'
import { addStep, declareStore, unknownKey, type Flow, type Step } from './flow.ts'
import { stepOf } from './retry.ts'
import type { ProcessOptions } from './stream-options.ts'

/** A processor, or a function that makes one for each task. */
type Made<P> = P | (() => P)

/**
 * Adds a processor. It learns its side outputs when a task starts, since they may be added later.
 */
export function processStep<P extends { readonly onTimer?: unknown }, K, V>(
  flow: Flow,
  operator: string,
  processor: Made<P>,
  { name, stores = [], timers, retry }: ProcessOptions<K, V>,
  create: (make: () => P, declaration: ProcessDeclaration) => OperatorFactory,
): ProcessorDraft {
  const declared = stores.map((store) =>
    typeof store === 'string' ? store : declareStore(flow.graph, store, {}).name,
  )
  const timersName = timers && declareTimers(flow, name, timers as string | TimerStoreSpec)
  if (timersName !== undefined) declared.push(timersName)
  if (typeof processor !== 'function') checkTimers(name, processor, timersName)
  const make = typeof processor === 'function' ? processor : () => processor
  const step: Step = {
    operator,
    name,
    stores: declared,
    create: (context) => create(make, { ...draft, timers: timersName })(context),
  }
  const options = { name, ...(retry && { retry }) }
  const draft: ProcessorDraft = addStep(flow, stepOf(flow, step, options))
  return draft
}

function declareTimers(flow: Flow, step: string, timers: string | TimerStoreSpec): string {
  const spec = typeof timers === 'string' ? timersOf(flow, step, timers) : timers
  flow.graph.addStore(spec)
  return spec.name
}

function timersOf({ key, rekeyed }: Flow, step: string, name: string): TimerStoreSpec {
  if (rekeyed) {
    throw invalidTopology(
      `step "${step}" keeps timers by a key that was changed before it`,
      'Send the records through a topic first, with repartition({ name }), or say how the key is written: timerStore(name, { key }).',
    )
  }
  if (key === undefined) throw unknownKey(`store "${name}"`)
  return timerStore(name, { key })
}
