/** Who follows what, and when a task with much state moves. */
import { describe, expect, test } from 'vitest'
import type { TaskId } from '../../core/task-id.ts'
import { assignTasks, type AssignTasks, type MemberAssignment } from './assignor.ts'
import { tasksOf, thread } from './members.fixtures.ts'
import type { AssignableMember } from './seats.ts'

/** Each changelog has a million records. */
const END = 1_000_000
const tasks = tasksOf(0, 2)
const large = new Map(tasks.map(({ id }) => [id, { from: 0, to: END }]))
const both = ['0_0', '0_1'] as const

const assign = (
  members: readonly AssignableMember[],
  options: Partial<AssignTasks> = {},
): Readonly<Record<string, MemberAssignment>> =>
  Object.fromEntries(
    assignTasks({
      tasks,
      members,
      strangers: false,
      extents: large,
      standbys: 0,
      maxWarmups: 2,
      acceptableLag: 10_000,
      ...options,
    }),
  )

/** Follows these, with so much of their state. */
const follower = (memberId: string, position: number, ...standby: TaskId[]): AssignableMember =>
  thread(memberId, [], Object.fromEntries(standby.map((id) => [id, position])), { standby })

const nothing: MemberAssignment = {
  active: [],
  standby: [],
  warmUps: [],
  rejoinAfterRevoke: false,
}

describe('a task with much state', () => {
  test('stays with its owner while its new place is warmed up', () => {
    expect(assign([thread('a/0', both), thread('b/0')])).toEqual({
      'a/0': { ...nothing, active: both },
      'b/0': { ...nothing, standby: ['0_1'], warmUps: ['0_1'] },
    })
  })

  test('is given up as soon as its copy there lacks little, and followed until it is free', () => {
    expect(assign([thread('a/0', both), follower('b/0', END - 10_000, '0_1')])).toEqual({
      'a/0': { ...nothing, active: ['0_0'], rejoinAfterRevoke: true },
      'b/0': { ...nothing, standby: ['0_1'] },
    })
    expect(assign([thread('a/0', ['0_0']), follower('b/0', END - 10_000, '0_1')])).toEqual({
      'a/0': { ...nothing, active: ['0_0'] },
      'b/0': { ...nothing, active: ['0_1'] },
    })
  })

  test('moves also where the changelog has grown since the copy was within the lag', () => {
    const warm = { standby: ['0_1'], caughtUp: ['0_1'] } as const
    const members = [thread('a/0', both), thread('b/0', [], { '0_1': END - 90_000 }, warm)]
    expect(assign(members)['a/0']).toMatchObject({ active: ['0_0'], rejoinAfterRevoke: true })
  })

  test('goes on where a copy of it is, when its owner has died', () => {
    const members = [thread('a/0', ['0_0']), follower('b/0', END, '0_1'), thread('c/0')]
    expect(assign(members)['b/0']).toEqual({ ...nothing, active: ['0_1'] })
  })

  test('is taken from who still restores it by who has it', () => {
    const members = [
      thread('a/0', both, {}, { restoring: both }),
      thread('b/0', [], { '0_0': END, '0_1': END }),
    ]
    // Where it goes on with its copy, for later.
    expect(assign(members)['a/0']).toEqual({
      active: [],
      standby: ['0_1'],
      warmUps: ['0_1'],
      rejoinAfterRevoke: true,
    })
  })

  test('that nobody has is restored where balance wants it, and so is small state', () => {
    expect(assign([thread('a/0'), thread('b/0')])).toEqual({
      'a/0': { ...nothing, active: ['0_0'] },
      'b/0': { ...nothing, active: ['0_1'] },
    })
    const small = new Map(tasks.map(({ id }) => [id, { from: END - 10_000, to: END }]))
    expect(assign([thread('a/0', both), thread('b/0')], { extents: small })['a/0']).toMatchObject({
      active: ['0_0'],
      rejoinAfterRevoke: true,
    })
  })

  test('is not trusted to a copy of another changelog, whose position lies behind the end', () => {
    const members = [thread('a/0', both), follower('b/0', END + 1, '0_1')]
    expect(assign(members)['b/0']).toEqual({ ...nothing, standby: ['0_1'], warmUps: ['0_1'] })
  })

  test('is warmed up with so many others at a time, the same ones until they are ready', () => {
    const many = tasksOf(0, 6)
    const owned = many.map(({ id }) => id)
    const extents = new Map(owned.map((id) => [id, { from: 0, to: END }]))
    const options = { tasks: many, extents, maxWarmups: 2 }
    const first = assign([thread('a/0', owned), thread('b/0')], options)['b/0']
    expect(first?.warmUps).toHaveLength(2)
    const later = follower('b/0', 500, ...(first?.warmUps ?? []))
    expect(assign([thread('a/0', owned), later], options)['b/0']).toEqual(first)
  })
})

describe('standbys', () => {
  const standbys = 1

  test('are on other processes than their tasks, one copy of a process', () => {
    expect(assign([thread('a/0', ['0_0']), thread('b/0', ['0_1'])], { standbys: 3 })).toEqual({
      'a/0': { ...nothing, active: ['0_0'], standby: ['0_1'] },
      'b/0': { ...nothing, active: ['0_1'], standby: ['0_0'] },
    })
  })

  test('there are none within one process, nor of state that is not logged', () => {
    expect(assign([thread('a/0', ['0_0']), thread('a/1', ['0_1'])], { standbys })).toMatchObject({
      'a/0': { standby: [] },
      'a/1': { standby: [] },
    })
    const local = tasks.map((task) => ({ ...task, logged: false }))
    const members = [thread('a/0', ['0_0']), thread('b/0', ['0_1'])]
    expect(assign(members, { tasks: local, standbys })['b/0']?.standby).toEqual([])
  })

  test('stay with who follows them', () => {
    const members = [
      thread('a/0', ['0_0']),
      thread('b/0', ['0_1']),
      thread('c/0', [], {}, { standby: both }),
    ]
    expect(assign(members, { standbys })['c/0']).toEqual({ ...nothing, standby: both })
  })

  test('are where their tasks are to move, so that one copy serves for both', () => {
    expect(assign([thread('a/0', both), thread('b/0')], { standbys, maxWarmups: 1 })).toEqual({
      'a/0': { ...nothing, active: both },
      'b/0': { ...nothing, standby: both, warmUps: ['0_1'] },
    })
  })

  test('wait until another thread of their process has closed the task', () => {
    const members = [
      thread('a/0', ['0_0', '0_1']),
      thread('b/0', ['0_1']),
      thread('b/1', [], {}, { standby: ['0_0'] }),
    ]
    // Two claims to 0_1: neither may run it now, nor may another thread of b open it.
    const assigned = assign(members, { standbys })
    expect(assigned['b/1']?.standby).not.toContain('0_1')
    expect(assigned['b/1']?.active).toEqual([])
  })

  test('become the task in the very thread that follows it, at once', () => {
    const members = [
      thread('a/0', ['0_0']),
      thread('a/1', [], { '0_1': END }, { standby: ['0_1'] }),
      thread('c/0'),
    ]
    expect(assign(members, { standbys })['a/1']?.active).toEqual(['0_1'])
  })
})
