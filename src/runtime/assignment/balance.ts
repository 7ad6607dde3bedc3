import type { TaskId } from '../../core/task-id.ts'
import type { Copies } from './copies.ts'
import type { AssignableTask, ProcessShare, Seat, Seats } from './seats.ts'

/** The members that claim each task. */
export type Claims = ReadonlyMap<TaskId, readonly string[]>

/**
 * Fills the seats: balanced by number ({@link Seats}); within balance a task stays with its owner,
 * else goes to the process with the best copy of its state, else to where its sub-topology has
 * least, so that no member gets all tasks of the expensive step. What a task costs is not known.
 */
export function balance(
  seats: Seats,
  tasks: readonly AssignableTask[],
  claims: Claims,
  copies: Copies,
): void {
  keepOwned(seats, tasks, claims, copies)
  const taken = new Set(seats.all.flatMap((seat) => [...seat.tasks]))
  const free = tasks.filter(({ id }) => !taken.has(id))
  const homeless = placeByState(seats, free, copies)
  for (const task of homeless.filter(({ stateful }) => stateful)) place(seats, task, seats.all)
  for (const task of homeless.filter(({ stateful }) => !stateful)) place(seats, task, seats.all)
}

/**
 * Every member keeps as many of its tasks as balance allows. Extras go first to those who would
 * otherwise lose one, so that in all no more tasks move than they have to. Who is still restoring
 * what another one has ready does not count as its owner.
 */
function keepOwned(
  seats: Seats,
  tasks: readonly AssignableTask[],
  claims: Claims,
  copies: Copies,
): void {
  const sizes = new Map<number, number>()
  for (const { subTopology } of tasks) sizes.set(subTopology, (sizes.get(subTopology) ?? 0) + 1)
  const byOwner = Map.groupBy(
    tasks.filter(({ id }) => claims.get(id)?.length === 1),
    ({ id }) => claims.get(id)?.[0],
  )
  const ownedBy = (seat: Seat): readonly AssignableTask[] => {
    const owned = byOwner.get(seat.member.memberId) ?? []
    return owned.filter((task) => copies.better(seat, task, seats.all).length === 0)
  }
  const share = (subTopology: number): number => (sizes.get(subTopology) ?? 0) / seats.all.length
  const hungry = hungryProcesses(seats, tasks.length, ownedBy)
  for (const seat of seats.all) {
    const owned = ownedBy(seat)
    /** What the best copy lacks that is elsewhere, where there is room for it. */
    const lagElsewhere = (task: AssignableTask): number =>
      hungry
        .filter((other) => other !== seat.process)
        .reduce((least, other) => Math.min(least, copies.lag(other, task)), Infinity)
    const kept = mostEven(owned, seats.roomFor(seat, owned.length), share, lagElsewhere)
    for (const task of kept) seats.take(seat, task)
  }
}

/** Those that have less than their share, and so will get what others give up. */
function hungryProcesses(
  { processes, all }: Seats,
  taskCount: number,
  ownedBy: (seat: Seat) => readonly AssignableTask[],
): readonly ProcessShare[] {
  return processes.filter((process) => {
    const ofProcess = all.filter((seat) => seat.process === process)
    const owned = ofProcess.reduce((sum, seat) => sum + ownedBy(seat).length, 0)
    return owned < (taskCount * process.threads) / all.length
  })
}

/**
 * Gives up from the sub-topology that is furthest above its fair share, of equal ones from a
 * stateless one; in it first what another process has the best copy of.
 */
function mostEven(
  owned: readonly AssignableTask[],
  room: number,
  share: (subTopology: number) => number,
  lagElsewhere: (task: AssignableTask) => number,
): readonly AssignableTask[] {
  if (owned.length <= room) return owned
  const stacks = [...Map.groupBy(owned, ({ subTopology }) => subTopology)].map(
    ([subTopology, ofSubTopology]) => {
      const stateful = ofSubTopology[0]?.stateful === true
      const stack = ofSubTopology
        .map((task) => ({ task, lag: lagElsewhere(task) }))
        .sort((a, b) => compare(b.lag, a.lag))
        .map(({ task }) => task)
      return { fairShare: share(subTopology), stateful, stack }
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

/** Numbers that may both be infinite. */
const compare = (a: number, b: number): number => (a < b ? -1 : a > b ? 1 : 0)

interface Offer {
  readonly task: AssignableTask
  readonly processes: readonly ProcessShare[]
  /** Less is better; see {@link offersOf}. */
  readonly rank: readonly number[]
}

/**
 * To the process that has the best copy of a task's state and room for it. Where room is short,
 * the largest state goes first, of equal ones the one that fewest processes have. Returns the tasks
 * left over.
 */
function placeByState(
  seats: Seats,
  free: readonly AssignableTask[],
  copies: Copies,
): readonly AssignableTask[] {
  const offers = free
    .filter(({ stateful }) => stateful)
    .flatMap((task) => offersOf(seats, task, copies))
    .sort((a, b) => compareRanks(a.rank, b.rank))
  const placed = new Set<AssignableTask>()
  for (const { task, processes } of offers) {
    if (placed.has(task)) continue
    const among = seats.all.filter(({ process }) => processes.includes(process))
    if (inPreference(task, among).some((each) => place(seats, task, each))) placed.add(task)
  }
  return free.filter((task) => !placed.has(task))
}

/**
 * The very thread that follows the task need not wait for another one to close it; nor need a
 * thread of a process where nobody has it open. So a task that was closed for another thread of its
 * process goes to that one in the next round, and not to a process where it would be in the way.
 */
function inPreference(
  { id }: AssignableTask,
  among: readonly Seat[],
): readonly (readonly Seat[])[] {
  return [
    among.filter(({ member }) => member.standby.includes(id)),
    among.filter(({ process }) => !process.followed.has(id) && !process.claimed.has(id)),
    among.filter(({ process }) => process.claimed.has(id)),
    among,
  ]
}

/**
 * First of those who are ready, all alike: of two that lack nothing neither comes first, or tasks
 * can change places in every round. Then of the others: who runs the task now, who follows it, and
 * who has most stored.
 */
function offersOf(seats: Seats, task: AssignableTask, copies: Copies): readonly Offer[] {
  const holders = seats.processes.filter(
    ({ stored, followed, claimed }) =>
      stored.has(task.id) || followed.has(task.id) || claimed.has(task.id),
  )
  const most = Math.max(...holders.map(({ stored }) => stored.get(task.id) ?? 0))
  const rankOf = (process: ProcessShare): readonly number[] =>
    copies.knows(task) && copies.isReady(process, task)
      ? [0, 0, -most, holders.length]
      : [
          copies.isReady(process, task) ? 0 : 1,
          process.claimed.has(task.id) ? 0 : process.followed.has(task.id) ? 1 : 2,
          -(process.stored.get(task.id) ?? 0),
          holders.length,
        ]
  return [...Map.groupBy(holders, (process) => rankOf(process).join())].map(([, processes]) => ({
    task,
    processes,
    rank: rankOf(processes[0] as ProcessShare),
  }))
}

function compareRanks(a: readonly number[], b: readonly number[]): number {
  const first = a.findIndex((each, index) => each !== b[index])
  return first < 0 ? 0 : (a[first] as number) - (b[first] as number)
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
    if (best !== undefined && compareRanks(seatLoad, bestLoad) >= 0) continue
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
