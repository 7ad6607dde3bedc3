import { describe, expect, test } from 'vitest'
import type { TaskId } from '../../core/task-id.ts'
import { assignTasks, type MemberAssignment } from './assignor.ts'
import { tasksOf, thread } from './members.fixtures.ts'
import type { AssignableMember, AssignableTask } from './seats.ts'

/** Nothing is known of changelogs. */
const noStandbys = { extents: new Map(), standbys: 0, maxWarmups: 2, acceptableLag: 10_000 }

const assign = (
  tasks: readonly AssignableTask[],
  members: readonly AssignableMember[],
  strangers = false,
): Readonly<Record<string, MemberAssignment>> =>
  Object.fromEntries(assignTasks({ ...noStandbys, tasks, members, strangers }))

const runs = (...active: readonly TaskId[]): MemberAssignment => ({
  active,
  standby: [],
  warmUps: [],
  rejoinAfterRevoke: false,
})
const givesUp = (...active: readonly TaskId[]): MemberAssignment => ({
  active,
  standby: [],
  warmUps: [],
  rejoinAfterRevoke: true,
})

describe('balance', () => {
  test('a process gets tasks in proportion to its threads, threads differ by one at most', () => {
    const assigned = assign(tasksOf(0, 7), [thread('a/0'), thread('a/1'), thread('b/0')])
    expect(assigned).toEqual({
      'a/0': runs('0_0', '0_3', '0_6'),
      'a/1': runs('0_2', '0_5'),
      'b/0': runs('0_1', '0_4'),
    })
  })

  test('tasks that one thread more would get are spread over processes', () => {
    const members = [thread('a/0'), thread('a/1'), thread('b/0'), thread('b/1')]
    expect(assign(tasksOf(0, 2), members)).toEqual({
      'a/0': runs('0_0'),
      'a/1': runs(),
      'b/0': runs('0_1'),
      'b/1': runs(),
    })
  })

  test('each sub-topology is spread, so that nobody gets all of the expensive step', () => {
    const tasks = [...tasksOf(0, 4), ...tasksOf(1, 4), ...tasksOf(2, 2, false)]
    expect(assign(tasks, [thread('a/0'), thread('b/0')])).toEqual({
      'a/0': runs('0_0', '0_2', '1_0', '1_2', '2_0'),
      'b/0': runs('0_1', '0_3', '1_1', '1_3', '2_1'),
    })
  })

  test('what a member gives up for balance is of every sub-topology alike', () => {
    const tasks = [...tasksOf(0, 4), ...tasksOf(1, 2)]
    const all = tasks.map(({ id }) => id)
    expect(assign(tasks, [thread('a/0', all), thread('b/0')])).toEqual({
      'a/0': givesUp('0_0', '0_1', '1_0'),
      'b/0': runs(),
    })
  })

  test('of one task for each, the one without state moves', () => {
    const tasks = [...tasksOf(0, 1), ...tasksOf(1, 1, false)]
    expect(assign(tasks, [thread('a/0', ['0_0', '1_0']), thread('b/0')])).toEqual({
      'a/0': givesUp('0_0'),
      'b/0': runs(),
    })
  })

  test('threads of a process share a sub-topology too', () => {
    const tasks = [...tasksOf(0, 2), ...tasksOf(1, 2)]
    expect(assign(tasks, [thread('a/0', ['0_0']), thread('a/1', ['1_0'])])).toEqual({
      'a/0': runs('0_0', '1_1'),
      'a/1': runs('0_1', '1_0'),
    })
  })

  test('state is spread before tasks without it', () => {
    const tasks = [...tasksOf(0, 1), ...tasksOf(1, 1), ...tasksOf(2, 2, false)]
    expect(assign(tasks, [thread('a/0', ['1_0']), thread('b/0', ['2_0'])])).toEqual({
      'a/0': runs('1_0', '2_1'),
      'b/0': runs('0_0', '2_0'),
    })
  })

  test('a thread too many is told that it has nothing to do', () => {
    expect(assign(tasksOf(0, 1), [thread('a/0', ['0_0']), thread('a/1')])).toEqual({
      'a/0': runs('0_0'),
      'a/1': runs(),
    })
  })
})

describe('stickiness', () => {
  test('tasks stay where they run, whoever comes and goes', () => {
    const members = [thread('c/0', ['0_3']), thread('a/0', ['0_1', '0_2']), thread('b/0')]
    expect(assign(tasksOf(0, 5), members)).toEqual({
      'a/0': runs('0_1', '0_2'),
      'b/0': runs('0_0', '0_4'),
      'c/0': runs('0_3'),
    })
  })

  test('the task too many stays with the one who runs it', () => {
    const members = [thread('a/0', ['0_1']), thread('b/0', ['0_0', '0_2'])]
    expect(assign(tasksOf(0, 3), members)).toEqual({
      'a/0': runs('0_1'),
      'b/0': runs('0_0', '0_2'),
    })
  })

  test('a task without an owner goes to the process with the most of its state', () => {
    const members = [
      thread('a/0', [], { '0_0': 10, '0_1': 900, '0_2': 20 }),
      thread('b/0', [], { '0_0': 900, '0_1': 30 }),
      thread('b/1', [], { '0_0': 900, '0_1': 30 }),
    ]
    expect(assign(tasksOf(0, 3), members)).toEqual({
      'a/0': runs('0_1'),
      'b/0': runs('0_0'),
      'b/1': runs('0_2'),
    })
  })

  test('state does not count against balance', () => {
    const everything = { '0_0': 1, '0_1': 1, '0_2': 1, '0_3': 1 }
    const members = [thread('a/0', [], everything), thread('b/0')]
    expect(assign(tasksOf(0, 4), members)).toEqual({
      'a/0': runs('0_0', '0_1'),
      'b/0': runs('0_2', '0_3'),
    })
  })

  test('a task that only one process has the state of is not crowded out by one that has a choice', () => {
    const members = [thread('a/0', [], { '0_0': 7, '0_1': 7 }), thread('b/0', [], { '0_0': 7 })]
    expect(assign(tasksOf(0, 2), members)).toEqual({
      'a/0': runs('0_1'),
      'b/0': runs('0_0'),
    })
  })

  test('where room is short, the largest state decides', () => {
    const members = [thread('a/0', [], { '0_0': 9, '0_1': 900 }), thread('b/0', [], { '0_1': 800 })]
    expect(assign(tasksOf(0, 2), members)).toEqual({ 'a/0': runs('0_1'), 'b/0': runs('0_0') })
  })

  test('a process that comes back gets the tasks that it still has the state of', () => {
    const members = [
      thread('a/0', ['0_0', '0_1', '0_2', '0_3'], { '0_0': 9, '0_1': 9, '0_2': 9, '0_3': 9 }),
      thread('b/0', [], { '0_0': 7, '0_2': 7 }),
    ]
    expect(assign(tasksOf(0, 4), members)['a/0']).toEqual(givesUp('0_1', '0_3'))
  })
})

describe('a task that moves', () => {
  const tasks = tasksOf(0, 4)

  test('is given to nobody until its owner has closed it', () => {
    const first = assign(tasks, [thread('a/0', ['0_0', '0_1', '0_2', '0_3']), thread('b/0')])
    expect(first).toEqual({ 'a/0': givesUp('0_0', '0_1'), 'b/0': runs() })
    const second = assign(tasks, [thread('a/0', ['0_0', '0_1']), thread('b/0')])
    expect(second).toEqual({ 'a/0': runs('0_0', '0_1'), 'b/0': runs('0_2', '0_3') })
  })

  test('waits as long as its owner claims it: an assignment may get lost', () => {
    const members = [thread('a/0', ['0_0', '0_1', '0_2', '0_3']), thread('b/0')]
    expect(assign(tasks, members)).toEqual(assign(tasks, members))
  })

  test('that two members claim is run by neither for one round', () => {
    const members = [thread('a/0', ['0_0', '0_1']), thread('b/0', ['0_1', '0_2', '0_3'])]
    expect(assign(tasks, members)).toEqual({ 'a/0': givesUp('0_0'), 'b/0': givesUp('0_2', '0_3') })
  })

  test('is not started while somebody may run it that we know nothing of', () => {
    expect(assign(tasks, [thread('a/0', ['0_0'])], true)).toEqual({ 'a/0': runs('0_0') })
  })
})

test('a claim to a task that is no longer planned is of no account', () => {
  expect(assign(tasksOf(0, 1), [thread('a/0', ['0_0', '0_7', '3_0'])])).toEqual({
    'a/0': runs('0_0'),
  })
})

test('every leader comes to the same result, in whatever order it hears of the members', () => {
  const members = [
    thread('a/0', ['0_0', '1_1']),
    thread('a/1', [], { '0_3': 4 }),
    thread('b/0', ['0_1', '0_2', '1_0'], { '0_3': 4 }),
  ]
  const tasks = [...tasksOf(0, 5), ...tasksOf(1, 5)]
  expect(assign(tasks, members.toReversed())).toEqual(assign(tasks, members))
})
