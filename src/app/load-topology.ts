import { isStreamsError, StreamsError } from '../core/errors.ts'
import type { Topology } from '../topology/topology.ts'
import { loadFailure, modulePath, placeIn } from './load-failure.ts'

const isTopology = (value: unknown): value is Topology =>
  typeof value === 'object' &&
  value !== null &&
  'subTopologies' in value &&
  'fingerprint' in value &&
  'stores' in value

/** Imports a module and gives its default export, which must be a topology. */
export async function loadTopology(url: string): Promise<Topology> {
  let module: Readonly<Record<string, unknown>>
  try {
    module = (await import(url)) as Readonly<Record<string, unknown>>
  } catch (error) {
    throw isStreamsError(error) ? withPlace(error) : loadFailure(url, error)
  }
  if (isTopology(module['default'])) return module['default']
  const [named] = Object.keys(module).filter((name) => isTopology(module[name]))
  throw new StreamsError('INVALID_TOPOLOGY', {
    message: `${modulePath(url)} has no topology as its default export`,
    hint:
      named === undefined
        ? "Write `export default topology('name', (builder) => { … })`."
        : `"${named}" is one: add \`export default ${named}\`.`,
  })
}

/** A topology is refused by what built it: the line that asked for it is in the user's module. */
function withPlace(error: StreamsError): StreamsError {
  const place = placeIn(error)
  if (place === undefined) return error
  const { code, hint, stack } = error
  const placed = new StreamsError(code, { message: `${error.message} (${place})`, hint })
  if (stack !== undefined) placed.stack = stack
  return placed
}
