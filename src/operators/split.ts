import type { Meta } from '../core/record.ts'
import type { OperatorFactory } from '../topology/processor.ts'

/** The output of records that no branch wanted. */
export const defaultBranch = 'default'

/** Sends a record to the first branch that wants it. */
export const split =
  <K, V>(
    branches: readonly (readonly [name: string, (value: V, meta: Meta<K>) => boolean])[],
  ): OperatorFactory =>
  ({ emitTo, meta }) => {
    const predicates = branches.map(([, predicate]) => predicate)
    const outputs = branches.map(([name]) => emitTo(name))
    const otherwise = emitTo(defaultBranch)
    return {
      process: (key, value, timestampMs, headers) => {
        for (let branch = 0; branch < predicates.length; branch++) {
          const wants = predicates[branch]?.(
            value as V,
            meta.at(key, timestampMs, headers) as Meta<K>,
          )
          if (wants !== true) continue
          outputs[branch]?.(key, value, timestampMs, headers)
          return
        }
        otherwise(key, value, timestampMs, headers)
      },
    }
  }
