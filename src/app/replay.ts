import {
  planReplay,
  type ReplayOptions as ReplayPlanOptions,
  type ReplayPlan,
} from '../admin/replay/plan-replay.ts'
import { replay as replayOn } from '../admin/replay/replay.ts'
import type { ReplayTo } from '../admin/replay/replay-target.ts'
import { systemClock } from '../core/clock.ts'
import { silentLogger } from '../core/logger.ts'
import { systemRandom } from '../core/random.ts'
import { explained } from '../runtime/reaction.ts'
import type { Topology } from '../topology/topology.ts'
import { connect, type ConnectionOptions } from './connect.ts'

export type { ReplayPlan, ReplayTo }

/** What to replay, where the cluster is, and who is asked first. */
export interface ReplayOptions extends ReplayPlanOptions, ConnectionOptions {
  /** Default: the topology's name. */
  readonly applicationId?: string
  /** Looks up what would be done, and does nothing. */
  readonly dryRun?: boolean
  /** Shown the plan before anything is done, which then is only if it says true. */
  readonly confirm?: (plan: ReplayPlan) => boolean | Promise<boolean>
}

/**
 * Has an application read its input again, with its state built anew, as `millrace replay` does.
 * Every instance has to be stopped: rejects with `GROUP_ACTIVE` while the group has members, with
 * `REPLAY_UNFINISHED` where it was interrupted (call it again), and with `INVALID_CONFIG` for what
 * cannot be replayed so. Resolves to what was done, or was not confirmed.
 */
export async function replay(
  topology: Topology,
  options: ReplayOptions,
): Promise<{ readonly plan: ReplayPlan; readonly done: boolean }> {
  const { applicationId = topology.name, dryRun = false, confirm = () => true } = options
  const port = await connect(options, 'millrace', silentLogger, systemClock)
  const deps = { port, clock: systemClock, random: systemRandom, topology, applicationId }
  try {
    if (dryRun) return { plan: await planReplay(deps, options), done: false }
    return await replayOn(deps, options, confirm)
  } catch (error) {
    throw explained(error)
  } finally {
    await port.close()
  }
}
