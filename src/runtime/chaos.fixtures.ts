/** Several processes at work on one topology while everything around them goes wrong, by a seed. */
import { expect } from 'vitest'
import { seededRandom, type Random } from '../core/random.ts'
import type { Api, SimulatedRequest } from '../kafka/memory/requests.ts'
import { Disk } from './disk.fixtures.ts'
import type { Life, LifeOptions } from './life.fixtures.ts'
import { Simulation, diskState } from './simulation.fixtures.ts'
import type { Scenario } from './scenarios.fixtures.ts'

const BROKERS = 3
const PROCESSES = 3

const apis: readonly Api[] = [
  'metadata',
  'fetch',
  'listOffsets',
  'produce',
  'initProducerId',
  'addPartitionsToTxn',
  'addOffsetsToTxn',
  'txnOffsetCommit',
  'endTxn',
  'joinGroup',
  'syncGroup',
  'heartbeat',
  'leaveGroup',
  'offsetFetch',
]

/** A place where one process after the other runs, on the same disk. */
interface Place {
  readonly processId: string
  disk: Disk
  life: Life | undefined
  starts: number
}

export interface ChaosOptions {
  readonly scenario: Scenario
  readonly seed: number
  /** Things that go wrong. */
  readonly events: number
  readonly life?: Partial<LifeOptions>
  readonly log?: (line: string) => void
}

class Chaos {
  readonly simulation: Simulation
  readonly #scenario: Scenario
  readonly #random: Random
  readonly #log: (line: string) => void
  readonly #version: 1 | 2
  readonly #config: Partial<LifeOptions>
  readonly #places: Place[]
  /** The broker that is down. */
  #down: number | undefined

  constructor({ scenario, seed, life = {}, log = () => {} }: ChaosOptions) {
    this.#scenario = scenario
    this.#random = seededRandom(seed)
    this.#log = log
    this.#version = seed % 2 === 0 ? 1 : 2
    this.simulation = new Simulation({
      brokers: BROKERS,
      transactionVersion: this.#version,
      markerDelayMs: this.#pick([0, 150, 1_000]),
      random: seededRandom(seed + 1),
    })
    this.#config = {
      transactionTimeoutMs: this.#pick([1_500, 10_000]),
      commitIntervalMs: this.#pick([20, 100, 300]),
      checkpointIntervalMs: this.#pick([0, 60, 1_000]),
      sessionTimeoutMs: this.#pick([500, 1_000]),
      ...life,
    }
    for (const name of scenario.topics) this.simulation.cluster.createTopic(name, 2)
    this.#places = Array.from({ length: PROCESSES }, (_, index) => ({
      processId: `process-${index}`,
      disk: new Disk(),
      life: undefined,
      starts: 0,
    }))
  }

  #pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.#random() * from.length)] as T
  }

  #ms(max: number): number {
    return 1 + Math.floor(this.#random() * max)
  }

  #start(place: Place): void {
    place.starts += 1
    place.life = this.simulation.start({
      topology: this.#scenario.topology,
      disk: place.disk,
      processId: place.processId,
      clientId: `${place.processId}-${place.starts}`,
      ...this.#config,
    })
  }

  /** Something happens to one of the processes. */
  async #befall(place: Place): Promise<void> {
    const { life } = place
    if (life === undefined) {
      this.#log(`${place.processId} starts`)
      this.#start(place)
      return
    }
    switch (this.#pick(['crash', 'stop', 'stop', 'freeze', 'lose disk'] as const)) {
      case 'crash':
        this.#log(`${life.clientId} crashes`)
        life.crash()
        if (this.#random() < 0.5) this.#start(place)
        else place.life = undefined
        return
      case 'stop': {
        this.#log(`${life.clientId} is stopped`)
        const ended = life.stop()
        if (this.#random() < 0.5) {
          expect(await ended).toBeUndefined()
          place.life = undefined
        } else {
          place.life = undefined
          place.disk = new Disk()
        }
        return
      }
      case 'freeze': {
        const ms = this.#ms(4_000)
        const isPaused = this.#random() < 0.5
        this.#log(`${life.clientId} ${isPaused ? 'is paused' : 'is cut off'} for ${ms} ms`)
        const thaw = isPaused ? life.freeze() : this.simulation.cluster.faults.freeze(life.clientId)
        void this.simulation.clock.sleep(ms).then(thaw)
        return
      }
      case 'lose disk':
        this.#log(`${life.clientId} crashes and loses its disk`)
        life.crash()
        place.disk = new Disk()
        this.#start(place)
    }
  }

  /** Something happens to the requests of everyone, or to the brokers. */
  #disturb(): void {
    const { cluster } = this.simulation
    const { faults } = cluster
    const api = this.#pick(apis)
    const where = (request: SimulatedRequest): boolean => request.api === api
    const times = this.#ms(3)
    const ms = this.#ms(1_500)
    const isOneShot = api === 'endTxn' || api === 'txnOffsetCommit'
    const kind = this.#ms(10)
    this.#log(`disturbance ${kind} of ${api}, ${times} times, ${ms} ms`)
    switch (kind) {
      case 1:
        faults.loseReply(where, times)
        return
      case 2:
        faults.loseRequest(where, times)
        return
      case 3:
        faults.deliverLate(where, ms, times)
        return
      case 4:
        // Under version 1 these act on whatever transaction is open by then (KIP-890).
        if (this.#version === 2 || !isOneShot) faults.duplicate(where, ms)
        return
      case 5:
        faults.delay(where, ms, times)
        return
      case 6:
        if (api === 'txnOffsetCommit' || api === 'endTxn' || api === 'offsetFetch') {
          faults.refuse(where, 'COORDINATOR_LOAD_IN_PROGRESS', times)
        }
        return
      case 7: {
        // One at a time: somebody has to be left to lead.
        if (this.#down !== undefined) return
        const node = this.#ms(BROKERS)
        this.#down = node
        faults.brokerDown(node)
        void this.simulation.clock.sleep(ms).then(() => {
          faults.brokerUp(node)
          this.#down = undefined
        })
        return
      }
      case 8:
        faults.moveCoordinator('group', this.#scenario.topology.name)
        return
      case 9:
        for (const topic of this.#scenario.topics) {
          faults.moveLeader({ topic, partition: this.#ms(2) - 1 })
        }
        return
      case 10:
        for (const store of this.#scenario.topology.stores.keys()) {
          this.#compact(`${this.#scenario.topology.name}-${store}-changelog`)
        }
    }
  }

  #compact(topic: string): void {
    try {
      this.simulation.compact(topic)
    } catch {
      // It was not created yet.
    }
  }

  async run(events: number): Promise<void> {
    const { clock } = this.simulation
    for (const place of this.#places) this.#start(place)
    const { waves, inputs, topology } = this.#scenario
    for (let event = 0; event < events; event += 1) {
      await clock.sleep(this.#ms(this.#pick([20, 400, 1_000])))
      const wave = waves[Math.floor((event * waves.length) / events)]
      if (wave !== waves[Math.floor(((event - 1) * waves.length) / events)]) {
        this.simulation.write(wave ?? [])
      }
      if (this.#random() < 0.4) await this.#befall(this.#pick(this.#places))
      else this.#disturb()
    }
    this.#log('calm')
    for (const place of this.#places) if (place.life === undefined) this.#start(place)
    await this.simulation.until(
      () => this.simulation.hasCommitted(topology.name, inputs),
      'all input is committed',
      100,
    )
    await this.simulation.until(
      () => this.#places.every(({ life }) => life?.thread.state === 'running'),
      'all threads run',
      100,
    )
    await this.simulation.until(
      () => this.#scenario.isSettled?.(this.simulation) ?? true,
      'all is settled',
      100,
    )
    await this.simulation.stopAll()
  }

  expectAll(): void {
    this.#scenario.expectExact(this.simulation)
    for (const { disk } of this.#places) {
      const state = diskState(this.simulation, disk, this.#scenario.topology)
      expect(state.uncommitted).toEqual([])
      expect(state.restored).toEqual(state.committed)
    }
  }
}

export async function runChaos(options: ChaosOptions): Promise<void> {
  const chaos = new Chaos(options)
  using simulation = chaos.simulation
  await simulation.clock.run(() => chaos.run(options.events))
  chaos.expectAll()
}
