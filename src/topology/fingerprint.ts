import { createHash } from 'node:crypto'
import { describeAsJson } from './describe.ts'
import type { Topology } from './topology.ts'

/**
 * Equal for equal graphs: steps, edges, topics, stores and serdes by name. What a callback does is
 * not seen, so a fixed mapper keeps the fingerprint.
 */
export const fingerprintOf = (topology: Omit<Topology, 'fingerprint'>): string =>
  createHash('sha256')
    .update(JSON.stringify(describeAsJson(topology)))
    .digest('hex')
