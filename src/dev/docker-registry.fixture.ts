import { messageOf, StreamsError } from '../core/errors.ts'
import { systemClock } from '../core/clock.ts'
import { freePorts } from './free-ports.ts'
import { isServingRegistry } from './registry-probe.fixture.ts'
import type { RunningRegistry } from './running-registry.fixture.ts'

const READY_MS_MAX = 120_000
const PROBE_PAUSE_MS = 200

/** Why no container can be started on this machine, in words; `undefined` where one can. */
export async function missingForDocker(): Promise<string | undefined> {
  try {
    const { getContainerRuntimeClient } = await import('testcontainers')
    await getContainerRuntimeClient()
    return undefined
  } catch (error) {
    return `Docker cannot be used (${messageOf(error)})`
  }
}

/**
 * The same registry in a container, for a machine with Docker and no Java. Testcontainers' own
 * reaper removes it when this process is killed. Its data is in a file of the container, so that it
 * outlives a kill.
 */
export async function startDockerRegistry(
  version: string,
  onProgress: (line: string) => void,
): Promise<RunningRegistry> {
  const { GenericContainer, getContainerRuntimeClient } = await import('testcontainers')
  const runtime = await getContainerRuntimeClient()
  const image = `apicurio/apicurio-registry-mem:${version}`
  onProgress(`starting ${image} in Docker`)
  const [port = 0] = await freePorts(1)
  const started = await new GenericContainer(image)
    .withExposedPorts({ container: 8080, host: port })
    .withEnvironment({ REGISTRY_DATASOURCE_URL: 'jdbc:h2:file:/tmp/registry;WRITE_DELAY=0' })
    .start()
  const url = `http://127.0.0.1:${port}/apis/ccompat/v7`
  const stop = async (): Promise<void> => void (await started.stop())
  const container = () => runtime.container.getById(started.getId())
  try {
    await ready(url)
  } catch (error) {
    await stop()
    throw error
  }
  return {
    url,
    stop,
    start: async () => {
      await container().start()
      await ready(url)
    },
    kill: async () => void (await container().kill({ signal: 'SIGKILL' })),
    freeze: async () => void (await container().pause()),
    thaw: async () => void (await container().unpause()),
    [Symbol.asyncDispose]: stop,
  }
}

async function ready(url: string): Promise<void> {
  const deadlineMs = systemClock.nowMs() + READY_MS_MAX
  while (!(await isServingRegistry(url))) {
    if (systemClock.nowMs() > deadlineMs) {
      throw new StreamsError('REGISTRY_UNREACHABLE', {
        message: `the schema registry in Docker was not ready after ${READY_MS_MAX / 1000} s`,
        hint: 'Look at the logs of the container.',
      })
    }
    await systemClock.sleep(PROBE_PAUSE_MS)
  }
}
