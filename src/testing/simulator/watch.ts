import { messageOf } from '../../core/errors.ts'
import type { SimulatedCluster } from '../../kafka/memory/simulated-cluster.ts'
import type { Machine } from './machine.ts'
import type { Plan } from './plan.ts'
import type { VirtualClock } from './virtual-clock.ts'

const LOOK_EVERY_MS = 50
/** Of memory that waits for a checkpoint: what one more turn may add to the bound. */
const DIRTY_BEYOND_BYTES = 200_000

/** Looks again and again whether something is as it must never be. */
export class Watch {
  readonly problems: string[] = []
  readonly #cluster: SimulatedCluster
  readonly #clock: VirtualClock
  readonly #plan: Plan
  readonly #machines: readonly Machine[]
  #offsets: ReadonlyMap<string, number> = new Map()
  #ended = false

  constructor(options: {
    readonly cluster: SimulatedCluster
    readonly clock: VirtualClock
    readonly plan: Plan
    readonly machines: readonly Machine[]
  }) {
    this.#cluster = options.cluster
    this.#clock = options.clock
    this.#plan = options.plan
    this.#machines = options.machines
  }

  end(): void {
    this.#ended = true
  }

  /** False when it is over. */
  async look(): Promise<boolean> {
    await this.#clock.sleep(LOOK_EVERY_MS)
    if (this.#ended) return false
    this.#lookAtOffsets()
    for (const { life } of this.#machines) {
      if (life === undefined) continue
      for (const thread of life.threads) {
        try {
          for (const { tasks: _, ...snapshot } of [thread.snapshot()]) {
            const dirty = snapshot.stores.reduce((sum, { dirtyBytes }) => sum + dirtyBytes, 0)
            const { dirtyBytesMax } = this.#plan.config
            if (dirty > dirtyBytesMax + DIRTY_BEYOND_BYTES) {
              this.problems.push(`${life.id} holds ${dirty} bytes that are not on disk`)
            }
          }
        } catch (error) {
          this.problems.push(`${life.id} cannot say how it is: ${messageOf(error)}`)
        }
      }
    }
    return true
  }

  /** What is committed once stays so. */
  #lookAtOffsets(): void {
    const { config, scenario } = this.#plan
    const offsets = this.#cluster.groupState(scenario.topology.name)?.offsets
    if (offsets === undefined || config.guarantee !== 'exactly-once') return
    for (const [partition, before] of this.#offsets) {
      const now = offsets.get(partition) ?? -1
      if (now < before) {
        this.problems.push(`the committed offset of ${partition} went from ${before} to ${now}`)
      }
    }
    this.#offsets = offsets
  }
}
