import { StreamsError } from '../core/errors.ts'

/** The error of everything that is found wrong while a topology is being built. */
export const invalidTopology = (message: string, hint: string): StreamsError =>
  new StreamsError('INVALID_TOPOLOGY', { message, hint })
