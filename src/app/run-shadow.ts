import type { ReplayDeps } from '../admin/replay/plan-replay.ts'
import {
  prepareShadow,
  shadowProgress,
  type Shadow,
  type ShadowOptions,
  type ShadowProgress,
} from '../admin/replay/shadow.ts'
import { systemClock } from '../core/clock.ts'
import { silentLogger } from '../core/logger.ts'
import { systemRandom } from '../core/random.ts'
import { topicPartitionKey } from '../core/topic-partition.ts'
import type { KafkaPort } from '../kafka/port.ts'
import { explained } from '../runtime/reaction.ts'
import type { Application } from './application.ts'
import { connect } from './connect.ts'
import { loadTopology } from './load-topology.ts'
import { launch, type StartOptions } from './start.ts'

const LOOK_AGAIN_AFTER_MS = 500

export interface ShadowRunOptions extends StartOptions, ShadowOptions {
  readonly replicationFactor?: number
  /** Shown what will be read before the shadow is started. */
  readonly onPrepared?: (shadow: Shadow) => void
  readonly onProgress?: (progress: ShadowProgress) => void
  /** Ends it before it is done; started again it goes on. */
  readonly signal?: AbortSignal
}

export interface ShadowSummary {
  readonly shadow: Shadow
  /** Whether it has read all that it was to read. */
  readonly done: boolean
  /** Records that were processed, and dead letters among them, by this run. */
  readonly processed: number
  readonly deadLetters: number
}

/**
 * Runs the topology under another application id, with output topics of its own, over the input of
 * the application up to where that stands, and ends by itself. The application is not touched and
 * may run. `options.applicationId` is that of the application.
 */
export async function runShadow(
  topologyUrl: string,
  id: string,
  options: ShadowRunOptions,
): Promise<ShadowSummary> {
  const topology = await loadTopology(topologyUrl)
  const applicationId = options.applicationId ?? topology.name
  const port = await connect(options, 'millrace', silentLogger, systemClock)
  const deps = { port, clock: systemClock, random: systemRandom, topology, applicationId }
  try {
    const shadow = await prepareShadow(deps, id, options)
    options.onPrepared?.(shadow)
    const until = Object.fromEntries(
      shadow.inputs.map((each) => [topicPartitionKey(each.topic, each.partition), each.until]),
    )
    await using app = await launch(topologyUrl, { ...options, applicationId: id }, { id, until })
    return { shadow, ...(await untilDrained(deps, shadow, app, options)) }
  } catch (error) {
    throw explained(error)
  } finally {
    await port.close()
  }
}

async function untilDrained(
  deps: ReplayDeps & { readonly port: KafkaPort },
  shadow: Shadow,
  app: Application,
  { signal = new AbortController().signal, onProgress }: ShadowRunOptions,
): Promise<Omit<ShadowSummary, 'shadow'>> {
  const failed = app.finished.then(() => undefined)
  failed.catch(() => {})
  let before: string | undefined
  let done = false
  while (!done && !signal.aborted) {
    // A failure of the application ends the waiting.
    await Promise.race([failed, deps.clock.sleep(LOOK_AGAIN_AFTER_MS, signal)])
    if (app.state !== 'running') continue
    const progress = await shadowProgress(deps, shadow)
    onProgress?.(progress)
    done = progress.isDrained && progress.between === before
    before = progress.isDrained ? progress.between : undefined
  }
  const threads = (await app.snapshot()).map(({ counters }) => counters)
  await app.stop()
  return {
    done,
    processed: threads.reduce((sum, { processed }) => sum + processed, 0),
    deadLetters: threads.reduce((sum, { deadLetters }) => sum + deadLetters, 0),
  }
}
