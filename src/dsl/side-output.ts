import type { SideOutput } from '../topology/processor.ts'

/**
 * A typed name of a second output of a processor: written with `context.sideOutput(tag, record)`,
 * read with `.sideOutput(tag)` on what `process` returns.
 */
export const sideOutput = <K, V>(name: string): SideOutput<K, V> => Object.freeze({ name })
