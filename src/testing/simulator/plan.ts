import type { Random } from '../../core/random.ts'
import type { ThreadConfig } from '../../runtime/thread/thread-config.ts'
import { pick, type Scenario } from './scenario.ts'
import { scenarios } from './scenarios/index.ts'

export const BROKERS = 3

/** All that a seed decides before anything happens. */
export interface Plan {
  readonly name: string
  readonly scenario: Scenario
  readonly machines: number
  readonly threads: number
  readonly isStatic: boolean
  readonly transactionVersion: 1 | 2
  readonly markerDelayMs: number
  readonly latencyMs: number
  readonly config: Omit<ThreadConfig, 'applicationId' | 'processId' | 'threadIndex'>
  /** Things that go wrong. */
  readonly troubles: number
  /** Between one and the next, at most. */
  readonly pauseMs: number
}

export function planOf(random: Random): Plan {
  const name = pick(random, Object.keys(scenarios))
  const make = scenarios[name]!
  const sessionTimeoutMs = pick(random, [500, 1_000, 2_000])
  const scenario = make(random, 40 + Math.floor(random() * 100))
  // At least once, a process that has lost its tasks may still write over their state: nothing is
  // sure of what waits in it.
  const mustBeExact = scenario.isComplete !== undefined || name === 'pairs'
  return {
    name,
    scenario,
    machines: pick(random, [2, 2, 3]),
    threads: pick(random, [1, 1, 2]),
    isStatic: random() < 0.2,
    transactionVersion: pick(random, [1, 2, 2]),
    markerDelayMs: pick(random, [0, 50, 400]),
    latencyMs: pick(random, [0.5, 2, 10]),
    config: {
      guarantee: random() < 0.85 || mustBeExact ? 'exactly-once' : 'at-least-once',
      commitIntervalMs: pick(random, [20, 100, 300]),
      checkpointIntervalMs: pick(random, [0, 60, 1_000]),
      dirtyBytesMax: pick(random, [2_000, 1024 * 1024]),
      cacheMaxBytes: pick(random, [0, 0, 300, 1_000_000]),
      readCacheMaxBytes: 100_000,
      maxTaskIdleMs: pick(random, [0, 50]),
      sendBufferBytesMax: pick(random, [500, 1024 * 1024]),
      sessionTimeoutMs,
      heartbeatIntervalMs: sessionTimeoutMs / 4,
      rebalanceTimeoutMs: sessionTimeoutMs * 2,
      maxPollIntervalMs: 300_000,
      transactionTimeoutMs: pick(random, [1_500, 10_000]),
      instanceId: null,
      compression: 'none',
      replicationFactor: -1,
      lingerMs: pick(random, [0, 1, 20]),
      standbys: pick(random, [0, 0, 1]),
      maxWarmups: 2,
      acceptableLag: pick(random, [0, 20, 10_000]),
    },
    troubles: 3 + Math.floor(random() * 9),
    pauseMs: pick(random, [50, 400, 1_500]),
  }
}

/** For a person. */
export const planText = ({ name, scenario, ...plan }: Plan): string =>
  `${name}, ${scenario.records.length} records, ${JSON.stringify(plan)}`
