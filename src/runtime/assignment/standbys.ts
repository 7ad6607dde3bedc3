import type { TaskId } from '../../core/task-id.ts'
import type { Copies } from './copies.ts'
import type { AssignableTask, Seat, Seats } from './seats.ts'
import { targetsOf } from './warm-ups.ts'

/**
 * So many copies of each task's state, each in another process, or one in each process where there
 * are fewer. Who follows a task goes on with it; what is missing goes to who has the state, if it
 * has not more to do than others, else to who has least. Then they are evened out: one moves only
 * where that leaves its thread with no less than the other.
 */
export function placeStandbys(
  seats: Seats,
  tasks: readonly AssignableTask[],
  active: ReadonlyMap<TaskId, Seat>,
  copies: Copies,
  standbys: number,
): ReadonlyMap<TaskId, readonly Seat[]> {
  const count = Math.min(standbys, seats.processes.length - 1)
  if (count <= 0) return new Map()
  const logged = tasks.filter((task) => task.logged)
  const room = new StandbySeats(seats, active)
  for (const task of logged) room.keepFollowers(task, count)
  for (const task of logged) room.fill(task, count, copies)
  while (room.evenOut(logged));
  return room.placed
}

class StandbySeats {
  readonly placed = new Map<TaskId, Seat[]>()
  readonly #seats: Seats
  readonly #active: ReadonlyMap<TaskId, Seat>
  readonly #targets: ReadonlyMap<TaskId, Seat>
  /** Tasks with state, which they run or follow, once everything is where it is to be. */
  readonly #load = new Map<Seat, number>()

  constructor(seats: Seats, active: ReadonlyMap<TaskId, Seat>) {
    this.#seats = seats
    this.#active = active
    this.#targets = targetsOf(seats)
    for (const seat of seats.all) this.#load.set(seat, seat.stateful)
  }

  #loadOf(seat: Seat): number {
    return this.#load.get(seat) as number
  }

  #of(id: TaskId): Seat[] {
    return this.placed.get(id) ?? []
  }

  #add(id: TaskId, seat: Seat): void {
    this.placed.set(id, [...this.#of(id), seat])
    this.#load.set(seat, this.#loadOf(seat) + 1)
  }

  /** Where one of the task may be, beside those that stay. */
  #eligible(id: TaskId, staying: readonly Seat[]): readonly Seat[] {
    const taken = new Set([this.#active.get(id), ...staying].map((seat) => seat?.process))
    return this.#seats.all.filter(({ process }) => !taken.has(process))
  }

  /** A copy that is only made to move the task there is the last to count. */
  keepFollowers({ id }: AssignableTask, count: number): void {
    const target = this.#targets.get(id)?.process
    const followers = this.#seats.all.filter(({ member }) => member.standby.includes(id))
    const [movesThere, others] = [
      followers.filter(({ process }) => process === target),
      followers.filter(({ process }) => process !== target),
    ]
    for (const seat of [...others, ...movesThere]) {
      if (this.#of(id).length === count) return
      if (this.#eligible(id, this.#of(id)).includes(seat)) this.#add(id, seat)
    }
  }

  /** Best where the task is to move to: then one copy serves for both. */
  fill(task: AssignableTask, count: number, copies: Copies): void {
    const { id } = task
    while (this.#of(id).length < count) {
      const eligible = this.#eligible(id, this.#of(id))
      const least = Math.min(...eligible.map((seat) => this.#loadOf(seat)))
      const target = this.#targets.get(id)
      const rank = (seat: Seat): number => {
        if (this.#loadOf(seat) > least + 1) return Infinity
        if (seat === target) return -1
        return copies.isReady(seat.process, task) && seat.process.stored.has(id) ? 0 : 1
      }
      const best = eligible.reduce((a, b) => {
        const [rankA, rankB] = [rank(a), rank(b)]
        const less = rankA === rankB ? this.#loadOf(b) < this.#loadOf(a) : rankB < rankA
        return less ? b : a
      })
      this.#add(id, best)
    }
  }

  /**
   * True when any was moved. Each move makes the sum of squared loads smaller, so it comes to an
   * end; and where it has ended, it ends at once the next time.
   */
  evenOut(tasks: readonly AssignableTask[]): boolean {
    let moved = false
    for (const { id } of tasks) {
      for (const from of this.#of(id)) {
        const staying = this.#of(id).filter((each) => each !== from)
        const to = this.#eligible(id, staying).reduce((a, b) => {
          const less = this.#loadOf(b) - this.#loadOf(a)
          // Of equal ones its own process, where the state is.
          return less < 0 || (less === 0 && b.process === from.process) ? b : a
        })
        if (this.#loadOf(to) + 1 >= this.#loadOf(from)) continue
        this.placed.set(id, staying)
        this.#load.set(from, this.#loadOf(from) - 1)
        this.#add(id, to)
        moved = true
      }
    }
    return moved
  }
}
