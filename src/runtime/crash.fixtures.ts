/** Runs of a scenario in which one request goes wrong, in one of the ways a request can. */
import { expect } from 'vitest'
import { seededRandom } from '../core/random.ts'
import type { SimulatedClusterOptions } from '../kafka/memory/simulated-cluster.ts'
import type { Api, SimulatedRequest } from '../kafka/memory/requests.ts'
import type { Scenario } from './scenarios.fixtures.ts'
import { Disk } from './disk.fixtures.ts'
import type { Life, LifeOptions } from './life.fixtures.ts'
import { Simulation, diskState } from './simulation.fixtures.ts'

export const faultNames = [
  'dies before',
  'dies after',
  'reply lost',
  'request lost',
  'refused',
  'delivered late',
  'delivered twice',
] as const
export type FaultName = (typeof faultNames)[number]

export interface Plan {
  readonly scenario: Scenario
  readonly cluster?: Partial<SimulatedClusterOptions>
  readonly life?: Partial<LifeOptions>
  /**
   * Who takes over: the same process with its disk, another one with an empty disk, or one that has
   * been beside it from the start, and follows its changelogs.
   */
  readonly successor: 'same process' | 'other process' | 'standby process'
  /** By its place among the requests of the first thread, from 0. */
  readonly fault?: { readonly index: number; readonly name: FaultName }
}

/** What a broker may answer to each request without having done anything. */
const refusals: Partial<Record<Api, string>> = {
  metadata: 'LEADER_NOT_AVAILABLE',
  fetch: 'NOT_LEADER_OR_FOLLOWER',
  produce: 'NOT_LEADER_OR_FOLLOWER',
  listOffsets: 'NOT_LEADER_OR_FOLLOWER',
  createTopics: 'NOT_CONTROLLER',
  describeConfigs: 'LEADER_NOT_AVAILABLE',
  deleteRecords: 'NOT_LEADER_OR_FOLLOWER',
}
const COORDINATOR_REFUSAL = 'COORDINATOR_LOAD_IN_PROGRESS'
const LATE_MS = 700

/** Resolves to the requests of the first thread, when all is committed and all have stopped. */
export async function runPlan(plan: Plan): Promise<readonly SimulatedRequest[]> {
  const { scenario, fault, successor } = plan
  using simulation = new Simulation(plan.cluster)
  const { clock, cluster } = simulation
  for (const name of scenario.topics) cluster.createTopic(name, 2)
  simulation.write(scenario.before ?? [])
  const disk = new Disk()
  const otherDisk = new Disk()
  const start = (clientId: string, on: Disk): Life =>
    simulation.start({
      topology: scenario.topology,
      disk: on,
      processId: on === disk ? 'process-1' : 'process-2',
      clientId,
      ...(successor === 'standby process' ? { standbys: 1 } : {}),
      ...plan.life,
    })
  const requests: SimulatedRequest[] = []
  let living: Life | undefined
  const takeOver = (): void => {
    living?.crash()
    if (successor === 'standby process') return
    living = successor === 'same process' ? start('second', disk) : start('second', otherDisk)
  }
  const isAimed = (request: SimulatedRequest): boolean => requests[fault?.index ?? -1] === request
  cluster.faults.onRequest(({ clientId }) => clientId === 'first', {
    before: (request) => {
      requests.push(request)
      if (!isAimed(request)) return undefined
      if (fault?.name !== 'dies before') return undefined
      takeOver()
      return 'die'
    },
    after: (request) => {
      if (!isAimed(request) || fault?.name !== 'dies after') return undefined
      takeOver()
      return 'die'
    },
  })
  if (fault !== undefined) orderFault(simulation, fault.name, isAimed)
  await clock.run(async () => {
    living = start('first', disk)
    if (successor === 'standby process') start('standby', otherDisk)
    for (const [index, wave] of scenario.waves.entries()) {
      simulation.write(wave)
      await simulation.until(
        () => simulation.hasCommitted(scenario.topology.name, scenario.inputs),
        `wave ${index} is committed`,
      )
    }
    await simulation.until(() => scenario.isSettled?.(simulation) ?? true, 'all is settled')
    await simulation.stopAll()
  })
  if (plan.life?.guarantee === 'at-least-once') scenario.expectNothingLost(simulation)
  else scenario.expectExact(simulation, (plan.life?.cacheMaxBytes ?? 0) > 0)
  for (const each of [disk, otherDisk]) {
    const state = diskState(simulation, each, scenario.topology)
    expect(state.uncommitted).toEqual([])
    expect(state.restored).toEqual(state.committed)
  }
  return requests
}

function orderFault(
  { cluster: { faults } }: Simulation,
  name: FaultName,
  isAimed: (request: SimulatedRequest) => boolean,
): void {
  switch (name) {
    case 'dies before':
    case 'dies after':
      return
    case 'reply lost':
      faults.loseReply(isAimed)
      return
    case 'request lost':
      faults.loseRequest(isAimed)
      return
    case 'refused':
      for (const [api, code] of Object.entries(refusals)) {
        faults.refuse((request) => request.api === api && isAimed(request), code)
      }
      faults.refuse(
        (request) => refusals[request.api] === undefined && isAimed(request),
        COORDINATOR_REFUSAL,
      )
      return
    case 'delivered late':
      faults.deliverLate(isAimed, LATE_MS)
      return
    case 'delivered twice':
      faults.duplicate(isAimed, LATE_MS)
  }
}

/** The share of the runs of a matrix that a test does; all of them where the environment says 1. */
const SHARE = Number(process.env['MILLRACE_CRASH_SHARE'] ?? 0.1)

/**
 * Breaks each request of the first thread in each of these ways, one a run. Which share of the runs
 * is done depends on a seed, so that it is the same each time.
 */
export async function breakEach(
  plan: Omit<Plan, 'fault'>,
  faults: readonly FaultName[],
): Promise<void> {
  const random = seededRandom(42)
  const requests = await runPlan(plan)
  for (const [index, { api }] of requests.entries()) {
    for (const name of faults) {
      if (random() >= SHARE) continue
      try {
        await runPlan({ ...plan, fault: { index, name } })
      } catch (cause) {
        throw new Error(`request ${index}, ${api}: ${name}`, { cause })
      }
    }
  }
}
