import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock } from '../core/clock.ts'
import { StreamsError } from '../core/errors.ts'
import { javaCommand, temporaryFolder } from './environment.ts'
import { missingForDocker, startDockerRegistry } from './docker-registry.fixture.ts'
import { forkSupervisor } from './fork-supervisor.ts'
import { freePorts } from './free-ports.ts'
import { javaFlags } from './kafka-distribution.ts'
import { logFile } from './kafka-nodes.ts'
import { DATA_FOLDER_PREFIX, sweepLeftovers } from './leftovers.ts'
import {
  missingForRegistry,
  registryJar,
  registryVersion,
} from './registry-distribution.fixture.ts'
import { isServingRegistry } from './registry-probe.fixture.ts'
import type { RunningRegistry } from './running-registry.fixture.ts'
import { tellSupervisor, usefulLines } from './supervised-kafka.ts'
import { command, specFile, type ClusterSpec } from './supervisor-control.ts'

const READY_MS_MAX = 60_000
const PROBE_PAUSE_MS = 100
/** Two starts may pick the same port at the same moment; three in a row do not. */
const ATTEMPTS_MAX = 3

/** Why there can be none on this machine, in words; `undefined` where there can. */
export async function missingForAnyRegistry(): Promise<string | undefined> {
  const missing = await missingForRegistry()
  const noDocker = missing === undefined ? undefined : await missingForDocker()
  return noDocker === undefined ? undefined : `${missing}, and ${noDocker}`
}

/**
 * Apicurio Registry, which speaks Confluent's API, on this machine's Java, fetched by Maven once;
 * else in Docker. Rejects with `REGISTRY_UNREACHABLE` where it cannot be had.
 */
export async function startRegistry(
  onProgress: (line: string) => void = () => {},
): Promise<RunningRegistry> {
  const missing = await missingForAnyRegistry()
  if (missing !== undefined) {
    throw unavailable(
      `there is no schema registry to run on: ${missing}`,
      'Install Java 17 and Maven ("apt install default-jre-headless maven"), or start Docker.',
    )
  }
  if ((await missingForRegistry()) !== undefined) {
    return startDockerRegistry(await registryVersion(), onProgress)
  }
  const jar = await registryJar(onProgress)
  await sweepLeftovers()
  onProgress('starting the schema registry')
  for (let attempt = 1; ; attempt += 1) {
    try {
      const registry = await tryToStart(jar)
      onProgress(`the schema registry is ready on ${registry.url}`)
      return registry
    } catch (error) {
      const portTaken = /already (in use|bound)/i.test(String(error))
      if (!portTaken || attempt === ATTEMPTS_MAX) throw error
    }
  }
}

async function tryToStart(jar: string): Promise<RunningRegistry> {
  const [port = 0] = await freePorts(1)
  const dataDir = await mkdtemp(join(temporaryFolder(), DATA_FOLDER_PREFIX))
  const url = `http://127.0.0.1:${port}/apis/ccompat/v7`
  const tell = (type: 'start' | 'kill' | 'freeze' | 'thaw') =>
    tellSupervisor(dataDir, { type, index: 0 })
  // No answer: it has ended already.
  const stop = async (): Promise<void> => void (await command(dataDir, { type: 'stop' }))
  const start = async (): Promise<void> => {
    await tell('start')
    await ready(dataDir, url)
  }
  try {
    await mkdir(join(dataDir, 'tmp'))
    await writeFile(specFile(dataDir), JSON.stringify(spec(jar, dataDir, port)))
    await forkSupervisor(dataDir)
    await start()
  } catch (error) {
    await stop()
    await rm(dataDir, { recursive: true, force: true })
    throw error
  }
  return {
    url,
    stop,
    start,
    kill: async () => void (await tell('kill')),
    freeze: async () => void (await tell('freeze')),
    thaw: async () => void (await tell('thaw')),
    [Symbol.asyncDispose]: stop,
  }
}

/** H2 in a file, written through, so that it is all there after a kill. */
const spec = (jar: string, dataDir: string, port: number): ClusterSpec => ({
  java: javaCommand(),
  args: [
    [
      ...javaFlags,
      `-Djava.io.tmpdir=${dataDir}/tmp`,
      '-Dquarkus.http.host=127.0.0.1',
      `-Dquarkus.http.port=${port}`,
      `-DREGISTRY_DATASOURCE_URL=jdbc:h2:file:${dataDir}/registry;WRITE_DELAY=0`,
      '-jar',
      jar,
    ],
  ],
  archive: null,
})

async function ready(dataDir: string, url: string): Promise<void> {
  const deadlineMs = systemClock.nowMs() + READY_MS_MAX
  while (systemClock.nowMs() < deadlineMs) {
    if (await isServingRegistry(url)) return
    const { nodes } = await tellSupervisor(dataDir, { type: 'status' })
    if (nodes[0]?.state === 'ended') throw await startFailure(dataDir, 'ended')
    await systemClock.sleep(PROBE_PAUSE_MS)
  }
  throw await startFailure(dataDir, `was not ready after ${READY_MS_MAX / 1000} s`)
}

async function startFailure(dataDir: string, what: string): Promise<StreamsError> {
  const lines = usefulLines(await readFile(logFile(dataDir, 0), 'utf8').catch(() => ''))
  const log = lines.length === 0 ? ' and wrote no log' : `:\n  ${lines.join('\n  ')}`
  return unavailable(`the embedded schema registry ${what}${log}`, 'Correct what the log says.')
}

const unavailable = (message: string, hint: string): StreamsError =>
  new StreamsError('REGISTRY_UNREACHABLE', { message, hint })
