import { expect, test } from 'vitest'
import { assert, messageOf } from '../../core/errors.ts'
import { seededRandom, type Random } from '../../core/random.ts'
import { taskId, type TaskId } from '../../core/task-id.ts'
import { assignTasks, type MemberAssignment } from './assignor.ts'
import type { AssignableMember, AssignableTask } from './seats.ts'

const SEEDS = 500

/** Nothing is known of changelogs. */
const noStandbys = { extents: new Map(), standbys: 0, maxWarmups: 2, acceptableLag: 10_000 }
const nothingElse = { restoring: [], standby: [], caughtUp: [] }

/** A failure names the seed that brings it back. */
function forEachSeed(check: (seed: number) => void): void {
  for (let seed = 0; seed < SEEDS; seed += 1) {
    try {
      check(seed)
    } catch (cause) {
      throw new Error(`with seed ${seed}: ${messageOf(cause)}`, { cause })
    }
  }
}

interface Member {
  readonly memberId: string
  readonly processId: string
  readonly threadIndex: number
  readonly running: Set<TaskId>
  /** What a zombie says it runs until it hears the group's answer. */
  staleClaims: readonly TaskId[]
}

/**
 * A group whose members do what they are told, each at its own time, or miss what they were told.
 * `running` of a member in the group is what it may commit; a zombie is out of the group, and Kafka
 * refuses what it does.
 */
class Group {
  readonly random: Random
  readonly tasks: readonly AssignableTask[]
  members: Member[] = []
  readonly zombies: Member[] = []
  /** Processes that left something on their disks. */
  readonly disks = new Map<string, Map<TaskId, number>>()
  #names = 0

  constructor(seed: number) {
    this.random = seededRandom(seed)
    this.tasks = Array.from({ length: 1 + this.below(4) }, (_, subTopology) => {
      const stateful = this.below(3) > 0
      return Array.from({ length: this.below(12) }, (_, partition) => ({
        id: taskId(subTopology, partition),
        subTopology,
        stateful,
        logged: stateful,
      }))
    }).flat()
  }

  below(limit: number): number {
    return Math.floor(this.random() * limit)
  }

  pick<T>(from: readonly T[]): T | undefined {
    return from[this.below(from.length)]
  }

  /** Something happens in the group; it keeps one member at least. */
  change(): void {
    const member = this.pick(this.members)
    switch (member === undefined ? 0 : this.below(6)) {
      case 0:
        this.#join(`process-${this.below(5)}`, 1 + this.below(3))
        break
      case 1:
        this.#join(`process-${this.below(5)}`, 1)
        break
      case 2:
        if (this.members.length > 1) this.#remove((each) => each === member)
        break
      case 3:
        this.#remove((each) => each.processId === member?.processId)
        if (this.members.length === 0) this.#join('process-last', 1)
        break
      case 4:
        if (member === undefined || this.members.length === 1) break
        this.#remove((each) => each === member)
        this.zombies.push(member)
        break
      case 5:
        this.#comeBack()
        break
    }
  }

  #join(processId: string, threads: number): void {
    for (let index = 0; index < threads; index += 1) {
      this.#names += 1
      this.members.push({
        memberId: `member-${this.below(1_000)}-${this.#names}`,
        processId,
        threadIndex: this.#names,
        running: new Set(),
        staleClaims: [],
      })
    }
  }

  #remove(gone: (member: Member) => boolean): void {
    this.members = this.members.filter((member) => !gone(member))
  }

  /** Thrown out while it slept, it joins with what it believes to be running. */
  #comeBack(): void {
    const zombie = this.zombies.pop()
    if (zombie === undefined) return
    this.#join(zombie.processId, 1)
    const member = this.members.at(-1) as Member
    member.staleClaims = [...zombie.running]
  }

  claims(): readonly AssignableMember[] {
    return this.members.map(({ memberId, processId, threadIndex, running, staleClaims }) => ({
      memberId,
      processId,
      threadIndex,
      owned: [...running, ...staleClaims],
      stored: this.disks.get(processId) ?? new Map(),
      ...nothingElse,
    }))
  }

  /** A rebalance; members outside `hears` miss its answer. */
  round(hears: (member: Member) => boolean = () => true): ReadonlyMap<string, MemberAssignment> {
    const members = this.claims()
    const assigned = assignTasks({ ...noStandbys, tasks: this.tasks, members, strangers: false })
    const inTheirTime = this.members
      .map((member) => ({ member, at: this.random() }))
      .sort((a, b) => a.at - b.at)
    for (const { member } of inTheirTime) {
      if (hears(member)) this.#apply(member, assigned.get(member.memberId)?.active ?? [])
    }
    return assigned
  }

  #apply(member: Member, active: readonly TaskId[]): void {
    member.staleClaims = []
    for (const id of member.running) if (!active.includes(id)) member.running.delete(id)
    const disk = this.disks.get(member.processId) ?? new Map<TaskId, number>()
    this.disks.set(member.processId, disk)
    for (const id of active) {
      member.running.add(id)
      disk.set(id, this.below(1_000))
    }
    const all = this.members.flatMap(({ running }) => [...running])
    const twice = all.filter((id, index) => all.indexOf(id) !== index)
    assert(twice.length === 0, `no task runs at two members, but ${twice.join()} would`)
  }
}

/** A group with a past: changes, rebalances that some members miss, and rebalances that go well. */
function groupWithAPast(seed: number): Group {
  const group = new Group(seed)
  group.change()
  for (let step = 0; step < 25; step += 1) {
    const what = group.below(4)
    if (what < 2) group.change()
    else if (what === 2) group.round()
    else group.round(() => group.below(2) === 0)
  }
  return group
}

const membersOf = (
  assigned: ReadonlyMap<string, MemberAssignment>,
): readonly MemberAssignment[] => [...assigned.values()]

/** Balance as the manual says it, counted independently of the assignor. */
function expectBalance(group: Group, assigned: ReadonlyMap<string, MemberAssignment>): void {
  const counts = membersOf(assigned).map(({ active }) => active.length)
  expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1)
  for (const [, threads] of Map.groupBy(group.members, ({ processId }) => processId)) {
    const fair = (group.tasks.length * threads.length) / group.members.length
    const count = threads.reduce(
      (sum, { memberId }) => sum + (assigned.get(memberId)?.active.length ?? 0),
      0,
    )
    expect(Math.abs(count - fair)).toBeLessThan(1)
  }
}

/** The fewest tasks that can move, by trying every way to round the shares of processes. */
function fewestMoves(
  members: readonly AssignableMember[],
  owned: (of: string) => number,
  tasks: number,
) {
  const processes = [...Map.groupBy(members, ({ processId }) => processId).values()]
  const shares = processes.map((threads) => (tasks * threads.length) / members.length)
  const floors = shares.map(Math.floor)
  const extras = tasks - floors.reduce((sum, each) => sum + each, 0)
  let fewest = Infinity
  for (let roundedUp = 0; roundedUp < 2 ** processes.length; roundedUp += 1) {
    const up = processes.map((_, index) => (roundedUp >> index) & 1)
    if (up.reduce((sum, each) => sum + each, 0) !== extras) continue
    if (up.some((each, index) => each === 1 && Number.isInteger(shares[index]))) continue
    const moves = processes.map((threads, index) => {
      const quota = (floors[index] ?? 0) + (up[index] ?? 0)
      const base = Math.floor(quota / threads.length)
      const over = threads.map(({ memberId }) => owned(memberId)).filter((count) => count > base)
      const lost = over.reduce((sum, count) => sum + count - base, 0)
      return lost - Math.min(over.length, quota - base * threads.length)
    })
    fewest = Math.min(
      fewest,
      moves.reduce((sum, each) => sum + each, 0),
    )
  }
  return fewest
}

test('after any history, two rounds make a stable balance, and nothing ever runs twice', () => {
  forEachSeed((seed) => {
    const group = groupWithAPast(seed)
    const first = group.round()
    const mustRejoin = membersOf(first).some(({ rejoinAfterRevoke }) => rejoinAfterRevoke)
    const last = mustRejoin ? group.round() : first
    const running = membersOf(last).flatMap(({ active }) => active)
    expect(running.sort()).toEqual(group.tasks.map(({ id }) => id).sort())
    expect(membersOf(last).some(({ rejoinAfterRevoke }) => rejoinAfterRevoke)).toBe(false)
    expectBalance(group, last)
    expect(group.round()).toEqual(last)
  })
})

test('no more tasks move than balance demands', () => {
  forEachSeed((seed) => {
    const group = groupWithAPast(seed)
    const members = group.claims()
    const claims = members.flatMap(({ owned }) => [...new Set(owned)])
    const claimedOnce = (id: TaskId): boolean => claims.filter((each) => each === id).length === 1
    const owned = (of: string): readonly TaskId[] =>
      members.find(({ memberId }) => memberId === of)?.owned.filter(claimedOnce) ?? []
    const assigned = assignTasks({ ...noStandbys, tasks: group.tasks, members, strangers: false })
    const lost = [...assigned].flatMap(([memberId, { active }]) =>
      owned(memberId).filter((id) => !active.includes(id)),
    )
    expect(lost.length).toBe(fewestMoves(members, (of) => owned(of).length, group.tasks.length))
  })
})

test('in a group that starts together each sub-topology is spread evenly', () => {
  forEachSeed((seed) => {
    const group = new Group(seed)
    const members = Array.from({ length: 1 + group.below(5) }, (_, index) => ({
      memberId: `member-${index}`,
      processId: `process-${index}`,
      threadIndex: 0,
      owned: [],
      stored: new Map<TaskId, number>(),
      ...nothingElse,
    }))
    const assigned = assignTasks({ ...noStandbys, tasks: group.tasks, members, strangers: false })
    for (const [subTopology] of Map.groupBy(group.tasks, (task) => task.subTopology)) {
      const counts = membersOf(assigned).map(
        ({ active }) => active.filter((id) => id.startsWith(`${subTopology}_`)).length,
      )
      expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1)
    }
  })
})
