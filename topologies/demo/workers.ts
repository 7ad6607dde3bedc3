import { systemClock } from '../../src/core/clock.ts'
import { StreamsError } from '../../src/core/errors.ts'
import type { DemoCluster } from './demo-cluster.ts'
import type { Instance } from './instance.ts'

const LIFE_MS = 2_500

/** The one instance of the demo, and its killer. */
export class Workers {
  readonly #cluster: DemoCluster
  readonly #file: string
  readonly #isKilling: boolean
  #instance: Instance
  #runningSinceMs: number | undefined
  #kills = 0

  constructor(cluster: DemoCluster, file: string, isKilling: boolean) {
    this.#cluster = cluster
    this.#file = file
    this.#isKilling = isKilling
    this.#instance = cluster.startInstance()
  }

  get kills(): number {
    return this.#kills
  }

  get place(): string {
    return this.#instance.place
  }

  /** Throws when the instance has ended by itself. */
  get state(): string {
    const failure = this.#instance.failure()
    if (failure === undefined) return this.#instance.state()
    throw new StreamsError('THREAD_FAILED', {
      message: `the worker ended: ${failure}`,
      hint: `Run it by hand to see more: \`npx millrace run ${this.#file} --verbose\`.`,
    })
  }

  /** With `kill -9`, each instance some time after it began to work: a slow machine gets on too. */
  async killIfDue(): Promise<void> {
    if (!this.#isKilling) return
    const nowMs = systemClock.nowMs()
    if (this.#instance.state() === 'running') this.#runningSinceMs ??= nowMs
    if (this.#runningSinceMs === undefined || nowMs - this.#runningSinceMs < LIFE_MS) return
    await this.#instance.kill()
    this.#kills += 1
    this.#instance = this.#cluster.startInstance()
    this.#runningSinceMs = undefined
  }

  stop(): Promise<void> {
    return this.#instance.stop()
  }

  kill(): Promise<void> {
    return this.#instance.kill()
  }
}
