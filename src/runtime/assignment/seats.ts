import type { TaskId } from '../../core/task-id.ts'

export interface AssignableTask {
  readonly id: TaskId
  readonly subTopology: number
  readonly stateful: boolean
  /** Whether its state is in changelogs, which others can follow. */
  readonly logged: boolean
}

export interface AssignableMember {
  readonly memberId: string
  readonly processId: string
  readonly threadIndex: number
  /** What it says it is running. */
  readonly owned: readonly TaskId[]
  /** Tasks with state on its process's disk, with the sum of their changelog positions. */
  readonly stored: ReadonlyMap<TaskId, number>
  /** Of those it is running, the ones that are not restored yet. */
  readonly restoring: readonly TaskId[]
  /** Whose changelogs it says it is following. */
  readonly standby: readonly TaskId[]
  /** Of those it follows, the ones within the acceptable lag. */
  readonly caughtUp: readonly TaskId[]
}

/** A member's place in the assignment that is being made. */
export interface Seat {
  readonly member: AssignableMember
  readonly process: ProcessShare
  readonly tasks: Set<TaskId>
  /** Tasks by sub-topology. */
  readonly bySubTopology: Map<number, number>
  stateful: number
}

export interface ProcessShare {
  readonly processId: string
  readonly threads: number
  /** Tasks that its threads may have beyond the base of each. */
  readonly ownExtras: number
  /** Whether its fair share is not a whole number: it may then take one of the shared extras. */
  readonly mayRoundUp: boolean
  readonly bySubTopology: Map<number, number>
  /** By task, the largest sum of changelog positions that one of its threads reports. */
  readonly stored: ReadonlyMap<TaskId, number>
  /** What its threads say they run, in whatever state. */
  readonly claimed: ReadonlySet<TaskId>
  /** Of that, what is restored. */
  readonly owned: ReadonlySet<TaskId>
  /** What its threads say they follow. */
  readonly followed: ReadonlySet<TaskId>
  readonly caughtUp: ReadonlySet<TaskId>
  extrasTaken: number
}

/**
 * What balance allows. With T tasks and M threads each thread gets ⌊T/M⌋ or ⌈T/M⌉, and a process
 * with k of the threads ⌊Tk/M⌋ or ⌈Tk/M⌉. Who rounds up is open until somebody takes the extra
 * task, so that stickiness can decide it. There are exactly T places, and as long as one is free
 * some seat has room: any order of taking ends in balance.
 */
export class Seats {
  /** By process, then thread: the same for every leader, whatever the order of members. */
  readonly all: readonly Seat[]
  readonly processes: readonly ProcessShare[]
  readonly #base: number
  #sharedExtras: number

  constructor(members: readonly AssignableMember[], taskCount: number) {
    const ordered = members.toSorted(
      (a, b) =>
        compareText(a.processId, b.processId) ||
        a.threadIndex - b.threadIndex ||
        compareText(a.memberId, b.memberId),
    )
    this.#base = Math.floor(taskCount / members.length)
    this.#sharedExtras = taskCount
    const processes = new Map<string, ProcessShare>()
    for (const [processId, threads] of Map.groupBy(ordered, (each) => each.processId)) {
      const share = (taskCount * threads.length) / members.length
      const rounded = Math.floor(share)
      this.#sharedExtras -= rounded
      processes.set(processId, {
        processId,
        threads: threads.length,
        ownExtras: rounded - this.#base * threads.length,
        mayRoundUp: (taskCount * threads.length) % members.length !== 0,
        bySubTopology: new Map(),
        stored: storedBy(threads),
        claimed: new Set(threads.flatMap(({ owned }) => owned)),
        owned: new Set(threads.flatMap(restoredBy)),
        followed: new Set(threads.flatMap(({ standby }) => standby)),
        caughtUp: new Set(threads.flatMap(({ caughtUp }) => caughtUp)),
        extrasTaken: 0,
      })
    }
    this.processes = [...processes.values()]
    this.all = ordered.map((member) => ({
      member,
      process: processes.get(member.processId) as ProcessShare,
      tasks: new Set(),
      bySubTopology: new Map(),
      stateful: 0,
    }))
  }

  hasRoom({ tasks, process }: Seat): boolean {
    return tasks.size < this.#base || (tasks.size === this.#base && this.#mayTakeExtra(process))
  }

  /** How many of the `count` tasks that it owns a still empty seat may keep. */
  roomFor(seat: Seat, count: number): number {
    return Math.min(count, this.#mayTakeExtra(seat.process) ? this.#base + 1 : this.#base)
  }

  #mayTakeExtra({ extrasTaken, ownExtras, mayRoundUp }: ProcessShare): boolean {
    if (extrasTaken < ownExtras) return true
    return mayRoundUp && extrasTaken === ownExtras && this.#sharedExtras > 0
  }

  take(seat: Seat, task: AssignableTask): void {
    const { process } = seat
    if (seat.tasks.size === this.#base) {
      if (process.extrasTaken === process.ownExtras) this.#sharedExtras -= 1
      process.extrasTaken += 1
    }
    seat.tasks.add(task.id)
    if (task.stateful) seat.stateful += 1
    for (const counts of [seat.bySubTopology, process.bySubTopology]) {
      counts.set(task.subTopology, (counts.get(task.subTopology) ?? 0) + 1)
    }
  }
}

function storedBy(threads: readonly AssignableMember[]): Map<TaskId, number> {
  const stored = new Map<TaskId, number>()
  for (const [task, position] of threads.flatMap((each) => [...each.stored])) {
    stored.set(task, Math.max(position, stored.get(task) ?? 0))
  }
  return stored
}

const restoredBy = ({ owned, restoring }: AssignableMember): readonly TaskId[] =>
  owned.filter((id) => !restoring.includes(id))

/** By code unit, not by locale: every leader must agree. */
const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
