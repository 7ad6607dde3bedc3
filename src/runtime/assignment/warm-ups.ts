import type { TaskId } from '../../core/task-id.ts'
import type { Claims } from './balance.ts'
import type { Copies } from './copies.ts'
import type { Placement } from './placement.ts'
import type { AssignableTask, Seat, Seats } from './seats.ts'

/**
 * Who runs each task for now. A task goes where balance wants it once that process has a copy of
 * its state that is good enough; until then its owner keeps it, or who has the state takes it
 * (KIP-441). Small state, and state that nobody has, is nothing to wait for.
 */
export function holdersForNow(
  seats: Seats,
  tasks: readonly AssignableTask[],
  claims: Claims,
  copies: Copies,
): ReadonlyMap<TaskId, Seat> {
  const targets = targetsOf(seats)
  const active = new Map<TaskId, Seat>()
  const load = new Map<Seat, number>()
  const run = (task: AssignableTask, seat: Seat): void => {
    active.set(task.id, seat)
    load.set(seat, (load.get(seat) ?? 0) + 1)
  }
  const deferred: { readonly task: AssignableTask; readonly among: readonly Seat[] }[] = []
  for (const task of tasks) {
    const target = targets.get(task.id) as Seat
    const among = copies.better(target, task, seats.all)
    if (among.length === 0) run(task, followerBeside(target, task, claims) ?? target)
    else deferred.push({ task, among })
  }
  for (const { task, among } of deferred) {
    const [owner, ...others] = claims.get(task.id) ?? []
    const rank = (seat: Seat): number => {
      if (seat.member.memberId === owner && others.length === 0) return 0
      return seat.member.standby.includes(task.id) ? 1 : 2
    }
    const best = among.reduce((a, b) => {
      const byRank = rank(b) - rank(a)
      const less = byRank !== 0 ? byRank < 0 : (load.get(b) ?? 0) < (load.get(a) ?? 0)
      return less ? b : a
    })
    run(task, best)
  }
  return active

  /** Another thread that could begin at once, while its target would have to wait for it. */
  function followerBeside(target: Seat, { id }: AssignableTask, of: Claims): Seat | undefined {
    if (target.member.standby.includes(id) || (of.get(id) ?? []).length > 0) return undefined
    return seats.all.find(
      ({ process, member }) => process === target.process && member.standby.includes(id),
    )
  }
}

export function targetsOf(seats: Seats): ReadonlyMap<TaskId, Seat> {
  const targets = new Map<TaskId, Seat>()
  for (const seat of seats.all) for (const id of seat.tasks) targets.set(id, seat)
  return targets
}

/**
 * Copies that are made ready where tasks are to move to, at most so many in the group at a time:
 * those that are being made first, then those that lack least. What is a standby there anyway costs
 * nothing more.
 */
export function warmUps(
  seats: Seats,
  tasks: readonly AssignableTask[],
  { active, standbys }: Omit<Placement, 'warmUps'>,
  copies: Copies,
  max: number,
): ReadonlyMap<TaskId, Seat> {
  const targets = targetsOf(seats)
  const chosen = new Map<TaskId, Seat>()
  const wanted: { readonly id: TaskId; readonly seat: Seat; readonly rank: number }[] = []
  for (const task of tasks) {
    const { id, logged } = task
    const target = targets.get(id) as Seat
    if (!logged || active.get(id)?.process === target.process) continue
    const standby = standbys.get(id)?.find(({ process }) => process === target.process)
    if (standby !== undefined) {
      chosen.set(id, standby)
      continue
    }
    const followers = seats.all.filter(
      ({ process, member }) => process === target.process && member.standby.includes(id),
    )
    const seat = followers.find((each) => each === target) ?? followers[0] ?? target
    const rank = followers.length > 0 ? -1 : copies.lag(target.process, task)
    wanted.push({ id, seat, rank })
  }
  wanted.sort((a, b) => a.rank - b.rank)
  for (const { id, seat } of wanted.slice(0, max)) chosen.set(id, seat)
  return chosen
}
