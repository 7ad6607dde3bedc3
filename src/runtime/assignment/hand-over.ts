import type { TaskId } from '../../core/task-id.ts'
import type { Claims } from './balance.ts'
import type { Placement } from './placement.ts'
import type { AssignableMember, AssignableTask, Seat, Seats } from './seats.ts'

export interface MemberAssignment {
  /** In the order of `tasks`. */
  readonly active: readonly TaskId[]
  /** Also in the order of `tasks`. */
  readonly standby: readonly TaskId[]
  /** Of those, the ones that are to move here as soon as they are ready. */
  readonly warmUps: readonly TaskId[]
  readonly rejoinAfterRevoke: boolean
}

/**
 * What each member may run and follow at once, on its way to the placement.
 *
 * Cooperative (KIP-429): a member goes on with what it runs while the group agrees, so a task whose
 * place is not with its owner is given to nobody in this round. The owner gets its assignment
 * without it and joins again as soon as it has closed it; in that next round nobody claims it.
 *
 * Why that is safe: a claim is made with JoinGroup by every member of the generation, and a member
 * starts nothing between its claim and its next assignment. Who runs a task without a claim is not
 * in the generation, and Kafka refuses its commits. A claim may be stale (its member was thrown out
 * and came back before it noticed), never missing. So a task that nobody, or only its target,
 * claims is free to run; with a second claim one of the two is stale and we cannot tell which: both
 * give it up for one round.
 *
 * The threads of a process share its disk, so the same holds for who follows a task: as long as
 * another thread of the process has it open, active or as a standby, it is opened by no other.
 */
export function handOver(
  seats: Seats,
  tasks: readonly AssignableTask[],
  claims: Claims,
  { active, standbys, warmUps }: Placement,
  strangers: boolean,
): ReadonlyMap<string, MemberAssignment> {
  const given = new Map(seats.all.map(({ member }) => [member.memberId, new Draft()]))
  const draftOf = (memberId: string): Draft => given.get(memberId) as Draft
  const openElsewhere = openElsewhereIn(seats)
  /** For now, so that it runs at once; the next round moves it to its place in the process. */
  const isLent = (seat: Seat, id: TaskId): boolean =>
    !seat.tasks.has(id) &&
    seats.all.some(({ process, tasks: target }) => process === seat.process && target.has(id))
  for (const { id } of tasks) {
    const seat = active.get(id) as Seat
    const claimedBy = claims.get(id) ?? []
    const inTheWay = openElsewhere(id, seat)
    const isUnclaimed =
      claimedBy.length === 0
        ? !strangers
        : claimedBy.length === 1 && claimedBy[0] === seat.member.memberId
    if (isUnclaimed && inTheWay.length === 0) {
      draftOf(seat.member.memberId).active.push(id)
      if (isLent(seat, id)) draftOf(seat.member.memberId).giveUp = true
    } else {
      for (const memberId of claimedBy) draftOf(memberId).giveUp = true
      for (const member of inTheWay) draftOf(member.memberId).giveUp = true
    }
    const isFollowing = seat.member.standby.includes(id) && !seat.member.owned.includes(id)
    const staysStandby = !draftOf(seat.member.memberId).active.includes(id) && isFollowing
    const warmUp = warmUps.get(id)
    const following = new Set([
      ...(standbys.get(id) ?? []),
      ...(warmUp === undefined ? [] : [warmUp]),
      // It goes on until it may run it.
      ...(staysStandby && inTheWay.length === 0 ? [seat] : []),
    ])
    for (const each of following) {
      const others = openElsewhere(id, each)
      const draft = draftOf(each.member.memberId)
      for (const member of others) draftOf(member.memberId).giveUp = true
      if (others.length > 0) continue
      draft.standby.push(id)
      if (each === warmUp) draft.warmUps.push(id)
    }
  }
  return new Map(
    [...given].map(([memberId, { active: ids, standby, warmUps: warm, giveUp }]) => [
      memberId,
      { active: ids, standby, warmUps: warm, rejoinAfterRevoke: giveUp },
    ]),
  )
}

/** An assignment that is being written. */
class Draft {
  readonly active: TaskId[] = []
  readonly standby: TaskId[] = []
  readonly warmUps: TaskId[] = []
  giveUp = false
}

/** The other threads of a seat's process that have a task open. */
function openElsewhereIn(seats: Seats): (id: TaskId, seat: Seat) => readonly AssignableMember[] {
  const openIn = new Map<TaskId, Seat[]>()
  for (const seat of seats.all) {
    for (const id of new Set([...seat.member.owned, ...seat.member.standby])) {
      openIn.set(id, [...(openIn.get(id) ?? []), seat])
    }
  }
  return (id, seat) =>
    (openIn.get(id) ?? [])
      .filter((each) => each !== seat && each.process === seat.process)
      .map(({ member }) => member)
}
