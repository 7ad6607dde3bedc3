import type { StreamRecord } from '../core/record.ts'
import type { Timer } from '../state/timer-store.ts'
import type { FixedKeyProcessor } from '../topology/fixed-key-processor.ts'
import { invalidTopology } from '../topology/invalid-topology.ts'
import type {
  Operator,
  OperatorFactory,
  Processor,
  ProcessorContext,
} from '../topology/processor.ts'
import {
  FixedKeyContext,
  FreeKeyContext,
  type NodeContext,
  type ProcessDeclaration,
} from './process-context.ts'

/**
 * A step of the processor API (KIP-478): one processor for each task, made when the task starts.
 */
export const process =
  <KIn, VIn, KOut, VOut>(
    makeProcessor: () => Processor<KIn, VIn, KOut, VOut>,
    declaration: ProcessDeclaration,
  ): OperatorFactory =>
  (context) => {
    const own = new FreeKeyContext(context, declaration)
    return operatorOf(makeProcessor(), own as ProcessorContext<KOut, VOut> & NodeContext)
  }

/** As `process`, for a processor that keeps the key. */
export const processValues =
  <K, VIn, VOut>(
    makeProcessor: () => FixedKeyProcessor<K, VIn, VOut>,
    declaration: ProcessDeclaration,
  ): OperatorFactory =>
  (context) =>
    operatorOf(makeProcessor(), new FixedKeyContext(context, declaration))

interface AnyProcessor<KIn, VIn, Context> {
  readonly init?: (context: Context) => void
  readonly process: (record: StreamRecord<KIn, VIn>, context: Context) => void
  readonly onTimer?: (timer: Timer<KIn>, context: Context) => void
  readonly close?: () => void
}

function operatorOf<KIn, VIn, Context extends NodeContext>(
  processor: AnyProcessor<KIn, VIn, Context>,
  context: Context,
): Operator {
  checkTimers(context.nodeName, processor, context.timerStore)
  context.onTimers((timer) => processor.onTimer?.(timer as Timer<KIn>, context))
  processor.init?.(context)
  return {
    process: (key, value, timestampMs, headers) => {
      const record = { key: key as KIn, value: value as VIn, timestampMs, headers }
      // A step further on may lead back here through a cache that gives way.
      const outer = context.enter(record)
      try {
        processor.process(record, context)
      } finally {
        context.leave(outer)
      }
    },
    close: () => processor.close?.(),
  }
}

/** Throws where a processor and the place for its timers do not belong together. */
export function checkTimers(
  node: string,
  processor: { readonly onTimer?: unknown },
  store: string | undefined,
): void {
  if (processor.onTimer !== undefined && store === undefined) {
    throw invalidTopology(
      `processor "${node}" has an onTimer and no place for its timers`,
      "Name a store for them with the step: process(…, { name, timers: 'reminders' }).",
    )
  }
  if (processor.onTimer === undefined && store !== undefined) {
    throw invalidTopology(
      `processor "${node}" has a store of timers, "${store}", and no onTimer`,
      'Give the processor an onTimer, or leave the store out if nothing is left in it.',
    )
  }
}
