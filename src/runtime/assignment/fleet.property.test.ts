/** A fleet with much state, copies of it, and threads that come and go: seeded, so repeatable. */
import { expect, test } from 'vitest'
import { messageOf } from '../../core/errors.ts'
import type { TaskId } from '../../core/task-id.ts'
import type { MemberAssignment } from './assignor.ts'
import { SimulatedFleet } from './simulated-fleet.fixtures.ts'

/** Three thousand have passed; these are for every day. */
const SEEDS = 60

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

/** Some processes have come and gone, and not every rebalance was waited for. */
function withAPast(fleet: SimulatedFleet): SimulatedFleet {
  fleet.change()
  for (let step = 0; step < 12; step += 1) {
    if (fleet.below(3) === 0) fleet.change()
    fleet.rebalance()
    for (let time = fleet.below(20); time > 0; time -= 1) fleet.progress()
  }
  return fleet
}

/** Until what runs is restored; a standby may have been quicker, and taken over. */
function restoreAll(fleet: SimulatedFleet): void {
  fleet.settle(10 + 3 * fleet.tasks.length)
  for (let time = 0; time < 200; time += 1) fleet.progress()
  fleet.settle(10 + 3 * fleet.tasks.length)
  for (let time = 0; time < 200; time += 1) fleet.progress()
}

const sorted = (ids: Iterable<TaskId>): readonly TaskId[] => [...ids].sort()

const everyTask = ({ tasks }: SimulatedFleet): readonly TaskId[] =>
  sorted(tasks.map(({ id }) => id))

const runningIn = ({ threads }: SimulatedFleet): readonly TaskId[] =>
  sorted(threads.flatMap(({ active }) => [...active.keys()]))

const spread = (counts: readonly number[]): number => Math.max(...counts) - Math.min(...counts)

test('after any history a fleet comes to rest: all runs, in balance, with all its standbys', () => {
  forEachSeed((seed) => {
    const fleet = withAPast(new SimulatedFleet(seed))
    fleet.settle(10 + 3 * fleet.tasks.length)
    expect(runningIn(fleet)).toEqual(everyTask(fleet))
    expect(spread(fleet.threads.map(({ active }) => active.size))).toBeLessThanOrEqual(1)
    const copies = Math.min(fleet.config.standbys, fleet.processes.length - 1)
    for (const { id, logged } of fleet.tasks) {
      const followers = fleet.threads.filter(({ standby }) => standby.has(id))
      expect([id, followers.length]).toEqual([id, logged ? copies : 0])
    }
  })
})

test('in a fleet at rest nothing moves, whatever is written meanwhile', () => {
  forEachSeed((seed) => {
    const fleet = withAPast(new SimulatedFleet(seed))
    restoreAll(fleet)
    const before = fleet.rebalance()
    for (let time = 0; time < 10; time += 1) fleet.progress()
    expect(fleet.rebalance()).toEqual(before)
    expect(fleet.isCalm).toBe(true)
  })
})

test('what threads run and follow is even over them', () => {
  forEachSeed((seed) => {
    const fleet = new SimulatedFleet(seed, { standbys: 1 })
    for (let process = 0; process < 4; process += 1) fleet.join(`process-${process}`, 1)
    fleet.settle(10 + 3 * fleet.tasks.length)
    const stateful = new Set(fleet.tasks.filter(({ logged }) => logged).map(({ id }) => id))
    const loads = fleet.threads.map(
      ({ active, standby }) =>
        [...active.keys(), ...standby].filter((id) => stateful.has(id)).length,
    )
    expect(spread(loads)).toBeLessThanOrEqual(1)
  })
})

const warmUpsIn = (assigned: ReadonlyMap<string, MemberAssignment>): number =>
  [...assigned.values()].reduce((sum, { warmUps }) => sum + warmUps.length, 0)

test('never more are warmed up at a time than may be', () => {
  forEachSeed((seed) => {
    const fleet = withAPast(new SimulatedFleet(seed, { standbys: 0 }))
    fleet.change()
    do {
      expect(warmUpsIn(fleet.rebalance())).toBeLessThanOrEqual(fleet.config.maxWarmups)
      for (let time = 0; time < 5; time += 1) fleet.progress()
    } while (!fleet.isCalm)
  })
})

test('small state and a new group are shared out at once', () => {
  forEachSeed((seed) => {
    const fleet = new SimulatedFleet(seed, { standbys: 0 }, 10_000)
    fleet.join('process-0', 2)
    expect(warmUpsIn(fleet.rebalance())).toBe(0)
    expect(runningIn(fleet)).toEqual(everyTask(fleet))
    fleet.join('process-1', 2)
    // One round to give up, one to take over.
    expect(fleet.settle(2)).toBeLessThanOrEqual(2)
    expect(runningIn(fleet)).toEqual(everyTask(fleet))
  })
})

test('a process that dies is replaced at once by those who follow what it ran', () => {
  forEachSeed((seed) => {
    const fleet = new SimulatedFleet(seed, { standbys: 1 })
    for (let process = 0; process < 4; process += 1) fleet.join(`process-${process}`, 2)
    fleet.settle(10 + 3 * fleet.tasks.length)
    for (let time = 0; time < 200; time += 1) fleet.progress()
    const stayed = new Map(
      fleet.threads
        .filter(({ processId }) => processId !== 'process-2')
        .map(({ memberId, active }) => [memberId, new Set(active.keys())]),
    )
    fleet.leave('process-2')
    fleet.rebalance()
    // No task of the survivors was held up: with one round everything runs.
    expect(runningIn(fleet)).toEqual(everyTask(fleet))
    for (const { memberId, active, processId } of fleet.threads) {
      const kept = stayed.get(memberId) ?? new Set()
      for (const id of kept) expect(active.has(id)).toBe(true)
      for (const id of active.keys()) {
        expect(fleet.lag(processId, id)).toBeLessThanOrEqual(fleet.config.acceptableLag)
      }
    }
  })
})

const ownersIn = ({ threads }: SimulatedFleet): ReadonlyMap<TaskId, string> =>
  new Map(threads.flatMap(({ active, memberId }) => [...active.keys()].map((id) => [id, memberId])))

test('who comes gets tasks of others, and nothing else moves', () => {
  forEachSeed((seed) => {
    const fleet = new SimulatedFleet(seed)
    for (let process = 0; process < 3; process += 1) fleet.join(`process-${process}`, 1)
    restoreAll(fleet)
    const before = ownersIn(fleet)
    fleet.join('process-new', 1)
    const newcomer = fleet.threads.at(-1)?.memberId
    fleet.settle(10 + 3 * fleet.tasks.length)
    for (const [id, owner] of ownersIn(fleet)) {
      expect([before.get(id), newcomer]).toContain(owner)
    }
  })
})
