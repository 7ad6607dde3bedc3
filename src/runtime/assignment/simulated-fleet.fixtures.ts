import { assert } from '../../core/errors.ts'
import { seededRandom, type Random } from '../../core/random.ts'
import { taskId, type TaskId } from '../../core/task-id.ts'
import { assignTasks, type FleetConfig, type MemberAssignment } from './assignor.ts'
import type { ChangelogExtents } from './copies.ts'
import type { AssignableMember, AssignableTask } from './seats.ts'

/** Changelog records that are read or written between two looks at the group, at most. */
const RECORDS_A_STEP = 40_000

export interface FleetThread {
  readonly memberId: string
  readonly processId: string
  readonly threadIndex: number
  /** What it has open, with whether it is restored. */
  readonly active: Map<TaskId, 'restoring' | 'running'>
  readonly standby: Set<TaskId>
  readonly warmUps: Set<TaskId>
  wantsToRejoin: boolean
}

/**
 * A fleet whose members do what they are told, and whose state takes time to read: positions on
 * disks that follow changelogs, which grow while their tasks run.
 */
export class SimulatedFleet {
  readonly random: Random
  readonly tasks: readonly AssignableTask[]
  readonly config: FleetConfig
  threads: FleetThread[] = []
  readonly ends = new Map<TaskId, number>()
  /** By process, how far each copy is; it outlives its process. */
  readonly disks = new Map<string, Map<TaskId, number>>()
  rebalances = 0
  #names = 0

  constructor(seed: number, config: Partial<FleetConfig> = {}, largestState = 1_000_000) {
    this.random = seededRandom(seed)
    this.config = {
      standbys: this.below(3),
      maxWarmups: 1 + this.below(3),
      acceptableLag: 10_000,
      ...config,
    }
    this.tasks = Array.from({ length: 1 + this.below(3) }, (_, subTopology) => {
      const stateful = this.below(4) > 0
      return Array.from({ length: 1 + this.below(8) }, (_each, partition) => ({
        id: taskId(subTopology, partition),
        subTopology,
        stateful,
        logged: stateful,
      }))
    }).flat()
    for (const { id, logged } of this.tasks) {
      if (logged) this.ends.set(id, this.below(largestState))
    }
  }

  below(limit: number): number {
    return Math.floor(this.random() * limit)
  }

  get processes(): readonly string[] {
    return [...new Set(this.threads.map(({ processId }) => processId))]
  }

  join(processId: string, threads: number): void {
    for (let index = 0; index < threads; index += 1) {
      this.#names += 1
      this.threads.push({
        memberId: `member-${this.below(1_000)}-${this.#names}`,
        processId,
        threadIndex: this.#names,
        active: new Map(),
        standby: new Set(),
        warmUps: new Set(),
        wantsToRejoin: false,
      })
    }
  }

  leave(processId: string): void {
    this.threads = this.threads.filter((thread) => thread.processId !== processId)
  }

  /** A process comes, goes, or comes back without its disk. */
  change(): void {
    const processId = `process-${this.below(5)}`
    if (!this.processes.includes(processId)) {
      if (this.below(4) === 0) this.disks.delete(processId)
      this.join(processId, 1 + this.below(3))
    } else if (this.processes.length > 1) {
      this.leave(processId)
    }
  }

  /** Tasks run, copies follow; who has warmed one up asks for a rebalance. */
  progress(): void {
    for (const { active } of this.threads) {
      for (const [id, state] of active) {
        const end = this.ends.get(id)
        if (end === undefined) active.set(id, 'running')
        else if (state === 'running') this.ends.set(id, end + this.below(2_000))
      }
    }
    for (const { active, standby, processId } of this.threads) {
      const disk = this.#disk(processId)
      for (const id of [...active.keys(), ...standby]) {
        const end = this.ends.get(id)
        if (end === undefined) continue
        const isCurrent = active.get(id) === 'running'
        const position = isCurrent ? end : (disk.get(id) ?? 0) + this.below(RECORDS_A_STEP)
        disk.set(id, Math.min(end, position))
        if (position >= end && active.has(id)) active.set(id, 'running')
      }
    }
    for (const thread of this.threads) {
      for (const id of thread.warmUps) {
        if (this.lag(thread.processId, id) > this.config.acceptableLag) continue
        thread.warmUps.delete(id)
        thread.wantsToRejoin = true
      }
    }
  }

  lag(processId: string, id: TaskId): number {
    return (this.ends.get(id) ?? 0) - (this.#disk(processId).get(id) ?? 0)
  }

  #disk(processId: string): Map<TaskId, number> {
    const disk = this.disks.get(processId) ?? new Map<TaskId, number>()
    this.disks.set(processId, disk)
    return disk
  }

  members(): readonly AssignableMember[] {
    return this.threads.map(({ memberId, processId, threadIndex, active, standby }) => ({
      memberId,
      processId,
      threadIndex,
      owned: [...active.keys()],
      restoring: [...active].filter(([, state]) => state === 'restoring').map(([id]) => id),
      standby: [...standby],
      caughtUp: [],
      stored: new Map(this.#disk(processId)),
    }))
  }

  extents(): ChangelogExtents {
    return new Map([...this.ends].map(([id, to]) => [id, { from: 0, to }]))
  }

  /** Everybody joins, and does what it is told, each at its own time. */
  rebalance(): ReadonlyMap<string, MemberAssignment> {
    this.rebalances += 1
    const members = this.members()
    const assigned = assignTasks({
      ...this.config,
      tasks: this.tasks,
      members,
      strangers: false,
      extents: this.extents(),
    })
    this.#checkMoves(assigned)
    const inTheirTime = this.threads
      .map((thread) => ({ thread, at: this.random() }))
      .sort((a, b) => a.at - b.at)
    for (const { thread } of inTheirTime) {
      this.#apply(thread, assigned.get(thread.memberId) as MemberAssignment)
    }
    return assigned
  }

  /** State goes where it is nearly there already, as long as it is so anywhere. */
  #checkMoves(assigned: ReadonlyMap<string, MemberAssignment>): void {
    const { acceptableLag } = this.config
    for (const { memberId, processId, active } of this.threads) {
      for (const id of assigned.get(memberId)?.active ?? []) {
        if (active.has(id) || this.lag(processId, id) <= acceptableLag) continue
        const ready = this.processes.filter((each) => this.lag(each, id) <= acceptableLag)
        assert(ready.length === 0, `${id} goes to ${processId}, but ${ready.join()} has its state`)
      }
    }
  }

  #apply(thread: FleetThread, { active, standby, warmUps, rejoinAfterRevoke }: MemberAssignment) {
    thread.wantsToRejoin = rejoinAfterRevoke
    for (const id of thread.active.keys()) if (!active.includes(id)) thread.active.delete(id)
    for (const id of thread.standby) if (!standby.includes(id)) thread.standby.delete(id)
    thread.warmUps.clear()
    for (const id of active) {
      if (!thread.active.has(id)) thread.active.set(id, 'restoring')
    }
    for (const id of standby) thread.standby.add(id)
    for (const id of warmUps) thread.warmUps.add(id)
    this.#checkOpen()
  }

  #checkOpen(): void {
    const active = this.threads.flatMap((thread) => [...thread.active.keys()])
    refuseTwice(active, 'run')
    for (const [processId, threads] of Map.groupBy(this.threads, (each) => each.processId)) {
      const open = threads.flatMap((each) => [...each.active.keys(), ...each.standby])
      refuseTwice(open, `open in ${processId}`)
    }
  }

  get isCalm(): boolean {
    const waits = this.threads.some(({ warmUps }) => warmUps.size > 0)
    return !waits && !this.threads.some(({ wantsToRejoin }) => wantsToRejoin)
  }

  /** Time passes until nobody asks for a rebalance any more; returns how many there were. */
  settle(rebalancesMax: number): number {
    const before = this.rebalances
    this.rebalance()
    for (let step = 0; !this.isCalm; step += 1) {
      assert(this.rebalances - before <= rebalancesMax, 'the group comes to rest')
      assert(step < 2_000, 'warming up comes to an end')
      this.progress()
      if (this.threads.some(({ wantsToRejoin }) => wantsToRejoin)) this.rebalance()
    }
    return this.rebalances - before
  }
}

function refuseTwice(ids: readonly TaskId[], what: string): void {
  const twice = ids.filter((id, index) => ids.indexOf(id) !== index)
  assert(twice.length === 0, `no task is twice ${what}, but ${twice.join()} would be`)
}
