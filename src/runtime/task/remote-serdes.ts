import { StreamsError } from '../../core/errors.ts'
import type { Logger } from '../../core/logger.ts'
import type { RemoteSerde } from '../../serde/registry/remote-serde.ts'
import type { SchemaRegistry } from '../../serde/registry/schema-registry.ts'
import type { StoreSpec } from '../../state/store-spec.ts'
import type { Topology } from '../../topology/topology.ts'

interface MaybeRemote {
  readonly remote?: RemoteSerde
}

/** The serdes of a topology that ask a schema registry, opened before the first record. */
export class RemoteSerdes {
  readonly #registry: SchemaRegistry | undefined
  readonly #logger: Logger
  readonly #opening = new Set<RemoteSerde>()

  constructor(registry: SchemaRegistry | undefined, logger: Logger) {
    this.#registry = registry
    this.#logger = logger
  }

  /**
   * Registers or looks up the schemas of all topics and stores. Throws `SCHEMA_INCOMPATIBLE`,
   * `SCHEMA_MISSING`, `REGISTRY_UNREACHABLE` or `REGISTRY_REFUSED`.
   */
  async openAll(topology: Topology): Promise<void> {
    for (const { remote } of serdesOf(topology)) {
      // One after the other: many share a subject, and the first one creates it.
      if (remote !== undefined) await remote.open(this.#registryFor(topology.name))
    }
  }

  areNeededBy(topology: Topology): boolean {
    return serdesOf(topology).some(({ remote }) => remote !== undefined)
  }

  #registryFor(name: string): SchemaRegistry {
    if (this.#registry !== undefined) return this.#registry
    throw new StreamsError('INVALID_CONFIG', {
      message: `topology "${name}" has serdes that need a schema registry, and none is given`,
      hint: "Name it: `schemaRegistry: { url: 'http://localhost:8081' }` or --schema-registry.",
    })
  }

  /** One of a topic that a function chose, which nobody could know before. */
  readonly open = (remote: RemoteSerde): void => {
    if (this.#registry === undefined || this.#opening.has(remote)) return
    this.#opening.add(remote)
    remote
      .open(this.#registry)
      .catch((error: unknown) =>
        this.#logger.warn({ err: error }, 'a schema is not known yet: asking again'),
      )
      .finally(() => this.#opening.delete(remote))
  }
}

function serdesOf({ subTopologies, globals, stores }: Topology): readonly MaybeRemote[] {
  const nodes = [...subTopologies, ...globals].flatMap((each) => each.nodes)
  return [
    ...nodes.flatMap((node): MaybeRemote[] => {
      if (node.kind === 'source') return [node.key, node.value]
      if (node.kind === 'processor' || typeof node.target === 'function') return []
      return [node.target.key, node.target.value]
    }),
    ...[...stores.values(), ...globals.map(({ store }) => store)].flatMap(serdesOfStore),
  ]
}

function serdesOfStore(spec: StoreSpec): MaybeRemote[] {
  const serdes: MaybeRemote[] = [spec.key, spec.value]
  if ('innerKey' in spec) serdes.push(spec.innerKey)
  if (spec.kind === 'timers' && spec.waiting !== undefined) serdes.push(spec.waiting)
  return serdes
}
