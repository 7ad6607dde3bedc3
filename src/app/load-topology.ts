import { isStreamsError, messageOf, StreamsError } from '../core/errors.ts'
import type { Topology } from '../topology/topology.ts'

const isTopology = (value: unknown): value is Topology =>
  typeof value === 'object' &&
  value !== null &&
  'subTopologies' in value &&
  'fingerprint' in value &&
  'stores' in value

/** Imports a module and gives its default export, which must be a topology. */
export async function loadTopology(url: string): Promise<Topology> {
  let module: { readonly default?: unknown }
  try {
    module = (await import(url)) as { readonly default?: unknown }
  } catch (error) {
    if (isStreamsError(error)) throw error
    throw new StreamsError('INVALID_TOPOLOGY', {
      message: `${url} cannot be loaded: ${messageOf(error).split('\n')[0]}`,
      hint: 'Check the path, and that the module compiles by itself: `node <file>`.',
      cause: error,
    })
  }
  if (isTopology(module.default)) return module.default
  throw new StreamsError('INVALID_TOPOLOGY', {
    message: `${url} has no topology as its default export`,
    hint: "Write `export default topology('name', (builder) => { … })`.",
  })
}
