import type { OperatorFactory } from '../topology/processor.ts'

/** Several inputs, one output: costs nothing, it is the output. */
export const merge: OperatorFactory = ({ emit }) => ({ process: emit })
