import type { TaskId } from '../../core/task-id.ts'
import {
  Seats,
  type AssignableMember,
  type AssignableTask,
  type ProcessShare,
  type Seat,
} from './seats.ts'

export interface AssignTasks {
  readonly tasks: readonly AssignableTask[]
  /** Not empty. */
  readonly members: readonly AssignableMember[]
  /** Somebody in the group may run tasks that we cannot tell: nothing new is started meanwhile. */
  readonly strangers: boolean
}

export interface MemberAssignment {
  /** In the order of `tasks`. */
  readonly active: readonly TaskId[]
  readonly rejoinAfterRevoke: boolean
}

/**
 * Who runs what, by member id. Pure: every leader comes to the same result.
 *
 * Balanced ({@link Seats}); within balance a task stays with its owner, else goes to the process
 * with the most of its state, else to where its sub-topology has least, so that no member gets all
 * tasks of the expensive step. Balance is by number: what a task costs is not known.
 *
 * Cooperative (KIP-429): a member goes on with what it runs while the group agrees, so a task whose
 * target is not its owner is given to nobody in this round. The owner gets its assignment without
 * it and joins again as soon as it has closed it; in that next round nobody claims the task.
 *
 * Why that is safe: a claim is made with JoinGroup by every member of the generation, and a member
 * starts nothing between its claim and its next assignment. Who runs a task without a claim is not
 * in the generation, and Kafka refuses its commits. A claim may be stale (its member was thrown out
 * and came back before it noticed), never missing. So a task that nobody, or only its target,
 * claims is free to run; with a second claim one of the two is stale and we cannot tell which: both
 * give it up for one round.
 */
export function assignTasks(request: AssignTasks): ReadonlyMap<string, MemberAssignment> {
  const { tasks, members, strangers } = request
  const claims = claimants(tasks, members)
  const seats = new Seats(members, tasks.length)
  keepOwned(seats, tasks, claims)
  const taken = new Set(seats.all.flatMap((seat) => [...seat.tasks]))
  const free = tasks.filter(({ id }) => !taken.has(id))
  const homeless = placeByState(seats, free)
  for (const task of homeless.filter(({ stateful }) => stateful)) place(seats, task, seats.all)
  for (const task of homeless.filter(({ stateful }) => !stateful)) place(seats, task, seats.all)
  return cooperative(seats, tasks, claims, strangers)
}

type Claims = ReadonlyMap<TaskId, readonly string[]>

/** The members that claim each task; tasks that are no longer planned are left out. */
function claimants(tasks: readonly AssignableTask[], members: readonly AssignableMember[]): Claims {
  const claims = new Map<TaskId, string[]>(tasks.map(({ id }) => [id, []]))
  for (const { memberId, owned } of members) {
    for (const id of new Set(owned)) claims.get(id)?.push(memberId)
  }
  return claims
}

/**
 * Every member keeps as many of its tasks as balance allows. Extras go first to those who would
 * otherwise lose one, so that in all no more tasks move than they have to.
 */
function keepOwned(seats: Seats, tasks: readonly AssignableTask[], claims: Claims): void {
  const sizes = new Map<number, number>()
  for (const { subTopology } of tasks) sizes.set(subTopology, (sizes.get(subTopology) ?? 0) + 1)
  const byOwner = Map.groupBy(
    tasks.filter(({ id }) => claims.get(id)?.length === 1),
    ({ id }) => claims.get(id)?.[0],
  )
  const share = (subTopology: number): number => (sizes.get(subTopology) ?? 0) / seats.all.length
  for (const seat of seats.all) {
    const owned = byOwner.get(seat.member.memberId) ?? []
    const wantedElsewhere = ({ id }: AssignableTask): boolean =>
      seats.processes.some((other) => other !== seat.process && other.stored.has(id))
    const kept = mostEven(owned, seats.roomFor(seat, owned.length), share, wantedElsewhere)
    for (const task of kept) seats.take(seat, task)
  }
}

/**
 * Gives up from the sub-topology that is furthest above its fair share, of equal ones from a
 * stateless one; in it first what another process has the state of.
 */
function mostEven(
  owned: readonly AssignableTask[],
  room: number,
  share: (subTopology: number) => number,
  wantedElsewhere: (task: AssignableTask) => boolean,
): readonly AssignableTask[] {
  if (owned.length <= room) return owned
  const stacks = [...Map.groupBy(owned, ({ subTopology }) => subTopology)].map(
    ([subTopology, ofSubTopology]) => {
      const { true: wanted = [], false: others = [] } = Object.groupBy(ofSubTopology, (task) =>
        wantedElsewhere(task) ? 'true' : 'false',
      )
      const stateful = ofSubTopology[0]?.stateful === true
      return { fairShare: share(subTopology), stateful, stack: [...others, ...wanted] }
    },
  )
  for (let left = owned.length; left > room; left -= 1) {
    const fullest = stacks.reduce((a, b) => {
      const excess = b.stack.length - b.fairShare - (a.stack.length - a.fairShare)
      if (excess !== 0) return excess > 0 ? b : a
      return a.stateful && !b.stateful ? b : a
    })
    fullest.stack.pop()
  }
  return stacks.flatMap(({ stack }) => stack)
}

/**
 * To the process that has most of a task's state and room for it. Where room is short, the largest
 * state goes first, of equal ones the one that fewest processes have. Returns the tasks left over.
 */
function placeByState(seats: Seats, free: readonly AssignableTask[]): readonly AssignableTask[] {
  const offers = free
    .filter(({ stateful }) => stateful)
    .flatMap((task) => {
      const positions = seats.processes.flatMap(({ stored }) => stored.get(task.id) ?? [])
      return [...new Set(positions)].map((position) => ({
        task,
        position,
        choices: positions.length,
      }))
    })
    .sort((a, b) => b.position - a.position || a.choices - b.choices)
  const placed = new Set<AssignableTask>()
  for (const { task, position } of offers) {
    if (placed.has(task)) continue
    const holders = seats.all.filter(({ process }) => process.stored.get(task.id) === position)
    if (place(seats, task, holders)) placed.add(task)
  }
  return free.filter((task) => !placed.has(task))
}

/**
 * To the seat with room whose process, then which itself, has least of the sub-topology, then of
 * everything. False where none of them has room.
 */
function place(seats: Seats, task: AssignableTask, among: readonly Seat[]): boolean {
  const load = (seat: Seat): readonly number[] => [
    ofSubTopology(seat.process, task) / seat.process.threads,
    ofSubTopology(seat, task),
    task.stateful ? seat.stateful : 0,
    seat.tasks.size,
  ]
  let best: Seat | undefined
  let bestLoad: readonly number[] = []
  for (const seat of among) {
    if (!seats.hasRoom(seat)) continue
    const seatLoad = load(seat)
    if (best !== undefined && !isLess(seatLoad, bestLoad)) continue
    best = seat
    bestLoad = seatLoad
  }
  if (best === undefined) return false
  seats.take(best, task)
  return true
}

const ofSubTopology = (
  { bySubTopology }: Seat | ProcessShare,
  { subTopology }: AssignableTask,
): number => bySubTopology.get(subTopology) ?? 0

function isLess(a: readonly number[], b: readonly number[]): boolean {
  const first = a.findIndex((each, index) => each !== b[index])
  return first >= 0 && (a[first] as number) < (b[first] as number)
}

/** What each member may run at once, on its way to the target. */
function cooperative(
  seats: Seats,
  tasks: readonly AssignableTask[],
  claims: Claims,
  strangers: boolean,
): ReadonlyMap<string, MemberAssignment> {
  const targets = new Map<TaskId, string>()
  for (const { tasks: target, member } of seats.all) {
    for (const id of target) targets.set(id, member.memberId)
  }
  const active = new Map<string, TaskId[]>()
  const giveUp = new Set<string>()
  for (const { member } of seats.all) active.set(member.memberId, [])
  for (const { id } of tasks) {
    const target = targets.get(id) as string
    const claimedBy = claims.get(id) ?? []
    const safe =
      claimedBy.length === 0 ? !strangers : claimedBy.length === 1 && claimedBy[0] === target
    if (safe) active.get(target)?.push(id)
    else for (const memberId of claimedBy) giveUp.add(memberId)
  }
  return new Map(
    [...active].map(([memberId, ids]) => [
      memberId,
      { active: ids, rejoinAfterRevoke: giveUp.has(memberId) },
    ]),
  )
}
