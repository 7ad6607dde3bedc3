import { systemClock } from '../core/clock.ts'
import { StreamsError } from '../core/errors.ts'
import { silentLogger } from '../core/logger.ts'
import type { Offset } from '../core/record.ts'
import { RemoteSerdes } from '../runtime/task/remote-serdes.ts'
import {
  openStateDirectory,
  type StateDirectory,
} from '../runtime/state-directory/state-directory.ts'
import {
  confluentRegistry,
  type SchemaRegistryConnection,
} from '../serde/registry/confluent-registry.ts'
import { advertisedUrl, parseAddress, type Address } from '../server/address.ts'
import { checkToken } from '../server/bearer-token.ts'
import { HttpServer } from '../server/http-server.ts'
import { shadowed } from '../topology/shadow.ts'
import { Application } from './application.ts'
import { connect, connectionOf, type ConnectionOptions } from './connect.ts'
import { ApplicationLife } from './application-state.ts'
import { loadTopology } from './load-topology.ts'
import { patienceOf, threadConfigs, type RunOptions } from './options.ts'
import { openPool } from './open-pool.ts'
import type { LogOptions } from './pino-logger.ts'
import { refuseUnpostable } from './posted-connection.ts'
import { checkTracing } from './thread-tracing.ts'

export type { UncaughtErrorPolicy } from './uncaught-error.ts'

/** Everything that `start` can be told; `brokers` is all that it needs. */
export interface StartOptions extends RunOptions, ConnectionOptions {
  /** Default: JSON lines of level `info` on standard output. */
  readonly log?: Partial<LogOptions>
  /** For topologies with `avro`, `jsonSchema` or `protobuf` serdes. */
  readonly schemaRegistry?: SchemaRegistryConnection
  /**
   * The URL of a module that sets up an OpenTelemetry SDK, loaded in each thread before the
   * topology; `true` where `--import` has done that already. Default: nothing is traced, which
   * costs nothing. Needs `@opentelemetry/api`; see docs/guide/tracing.md.
   */
  readonly tracing?: string | boolean
}

/** A shadow: the same graph with topics of its own, which reads its input up to some offsets. */
export interface ShadowRun {
  readonly id: string
  readonly until: Readonly<Record<string, Offset>>
}

/**
 * Runs the topology that a module exports, as a member of its consumer group. The module is named
 * by URL because every thread imports it anew: `start(import.meta.resolve('./orders.ts'), …)`.
 *
 * Rejects with `INVALID_TOPOLOGY`, `INVALID_CONFIG`, `BROKER_UNREACHABLE`,
 * `HTTP_ADDRESS_UNUSABLE` or a `STATE_DIRECTORY_…`
 * error, or one about schemas (`SCHEMA_…`, `REGISTRY_…`), before anything runs; what goes wrong
 * later rejects {@link Application.finished}.
 */
export const start = (topologyUrl: string, options: StartOptions): Promise<Application> =>
  launch(topologyUrl, options)

/** {@link start} that can run a shadow, too. */
export async function launch(
  topologyUrl: string,
  options: StartOptions,
  shadow?: ShadowRun,
): Promise<Application> {
  const loaded = await loadTopology(topologyUrl)
  const topology = shadow === undefined ? loaded : shadowed(loaded, shadow.id)
  const applicationId = options.applicationId ?? topology.name
  // Checked before anything is touched; the process id is filled in when the directory is ours.
  const { length: threads } = threadConfigs(options, topology.name, '')
  const tracing = options.tracing === false ? undefined : options.tracing
  if (tracing !== undefined) await checkTracing(tracing)
  const address = addressOf(options)
  const connection = connectionOf(options, applicationId)
  refuseUnpostable(connection)
  // One connection and away: a wrong address or password is said at once, in one line.
  await (await connect(connection, applicationId, silentLogger, systemClock)).close()
  const { schemaRegistry } = options
  const registry = schemaRegistry && confluentRegistry(schemaRegistry, systemClock)
  await new RemoteSerdes(registry, silentLogger).openAll(topology)
  const globals = topology.globals.length > 0 ? threads : 0
  const directory = openStateDirectory(options.stateDir ?? '.millrace', applicationId, globals)
  const http = address && (await listen(address, directory))
  const server = http && advertisedUrl(options.applicationServer, http.url)
  const life = new ApplicationLife()
  const pool = await openPool({
    options,
    topologyUrl,
    topology,
    shadow,
    connection,
    server,
    directory,
    life,
  })
  const patience = patienceOf(options)
  const { httpToken } = options
  const parts = { applicationId, life, directory, http, httpToken, patience }
  return new Application(topology, pool, parts)
}

/** Where to listen; what is advertised is checked before anything is touched. */
function addressOf({ http, applicationServer, httpToken }: RunOptions): Address | undefined {
  if (httpToken !== undefined) checkToken(httpToken)
  if (http !== undefined) {
    const address = parseAddress(http)
    advertisedUrl(applicationServer, 'http://127.0.0.1:1')
    return address
  }
  if (applicationServer === undefined) return undefined
  throw new StreamsError('INVALID_CONFIG', {
    message: `nothing is served at ${applicationServer}, where other instances are to ask`,
    hint: 'Say where to listen, too: --http 0.0.0.0:8080, for example.',
  })
}

async function listen(address: Address, directory: StateDirectory): Promise<HttpServer> {
  try {
    return await HttpServer.listen(address)
  } catch (error) {
    directory[Symbol.dispose]()
    throw error
  }
}
