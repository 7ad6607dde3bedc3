import type { TaskId } from '../../core/task-id.ts'
import { balance, type Claims } from './balance.ts'
import { Copies, type ChangelogExtents } from './copies.ts'
import { handOver, type MemberAssignment } from './hand-over.ts'
import { Seats, type AssignableMember, type AssignableTask } from './seats.ts'
import { placeStandbys } from './standbys.ts'
import { holdersForNow, warmUps } from './warm-ups.ts'

export type { MemberAssignment }

/** How careful the group is with state. */
export interface FleetConfig {
  /** Copies of each task's state that other processes keep up to date. */
  readonly standbys: number
  /** Tasks of the group that may be warmed up at a time, before they move. */
  readonly maxWarmups: number
  /** Changelog records that a copy may lack and still be ready to take over. */
  readonly acceptableLag: number
}

export interface AssignTasks extends FleetConfig {
  readonly tasks: readonly AssignableTask[]
  /** Not empty. */
  readonly members: readonly AssignableMember[]
  /** Somebody in the group may run tasks that we cannot tell: nothing new is started meanwhile. */
  readonly strangers: boolean
  readonly extents: ChangelogExtents
}

/**
 * Who runs and who follows what, by member id. Pure: every leader comes to the same result.
 *
 * In four steps: where tasks are to be in the end ({@link balance}), who runs them until their
 * state is there ({@link holdersForNow}), who follows their changelogs ({@link placeStandbys},
 * {@link warmUps}), and what of it can be at once ({@link handOver}).
 */
export function assignTasks(request: AssignTasks): ReadonlyMap<string, MemberAssignment> {
  const { tasks, members, strangers, extents, standbys, maxWarmups, acceptableLag } = request
  const claims = claimants(tasks, members)
  const copies = new Copies(extents, acceptableLag)
  const seats = new Seats(members, tasks.length)
  balance(seats, tasks, claims, copies)
  const active = holdersForNow(seats, tasks, claims, copies)
  const placed = { active, standbys: placeStandbys(seats, tasks, active, copies, standbys) }
  const warming = warmUps(seats, tasks, placed, copies, maxWarmups)
  return handOver(seats, tasks, claims, { ...placed, warmUps: warming }, strangers)
}

/** The members that claim each task; tasks that are no longer planned are left out. */
function claimants(tasks: readonly AssignableTask[], members: readonly AssignableMember[]): Claims {
  const claims = new Map<TaskId, string[]>(tasks.map(({ id }) => [id, []]))
  for (const { memberId, owned } of members) {
    for (const id of new Set(owned)) claims.get(id)?.push(memberId)
  }
  return claims
}
