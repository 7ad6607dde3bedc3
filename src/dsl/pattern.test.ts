import { describe, expect, expectTypeOf, test } from 'vitest'
import { isStreamsError } from '../core/errors.ts'
import { json } from '../serde/json.ts'
import { int32 } from '../serde/number.ts'
import { string } from '../serde/string.ts'
import type { Detected, DetectOptions } from './detected.ts'
import { pattern, type PatternOf } from './pattern.ts'
import type { MatchOf } from './pattern-types.ts'
import type { Stream } from './stream.ts'
import { topic } from './topic.ts'
import { topology } from './topology.ts'

interface Created {
  readonly type: 'created'
  readonly amount: number
}
interface Failed {
  readonly type: 'failed'
  readonly reason: string
}
type OrderEvent = Created | Failed

const events = topic('events', { key: string, value: json<OrderEvent>() })
const numbers = topic('numbers', { key: string, value: json<number>() })

const start = () => pattern<OrderEvent>('orders')
const isCreated = (event: OrderEvent): event is Created => event.type === 'created'
const isFailed = (event: OrderEvent): event is Failed => event.type === 'failed'
const any = (): boolean => true

/** What a match of the pattern is. */
const shown = <Shape>(found: PatternOf<OrderEvent, Shape>): MatchOf<Shape> =>
  Object.create(found) as MatchOf<Shape>

describe('a match has the type', () => {
  test('of the events that the predicates let through', () => {
    const found = start()
      .begin('first', isCreated)
      .next('then', (event) => event.type === 'failed')
    expectTypeOf(shown(found)).toEqualTypeOf<{ readonly first: Created; readonly then: Failed }>()
    const wide = start().begin('first').followedBy('second', any).followedByAny('third', any)
    expectTypeOf(shown(wide)).toEqualTypeOf<{
      readonly first: OrderEvent
      readonly second: OrderEvent
      readonly third: OrderEvent
    }>()
  })

  test('of lists where steps are repeated, and of nothing where they may be missing', () => {
    const found = start()
      .begin('some', isCreated)
      .oneOrMore()
      .next('two', isFailed)
      .times(2)
      .next('maybe', isCreated)
      .optional()
      .next('few', isFailed)
      .times(0, 3)
      .next('last', isCreated)
    expectTypeOf(shown(found)).toEqualTypeOf<{
      readonly some: readonly Created[]
      readonly two: readonly Failed[]
      readonly maybe?: Created
      readonly few?: readonly Failed[]
      readonly last: Created
    }>()
  })

  test('that options say, as the words would', () => {
    const found = start()
      .begin('some', isCreated, { atLeast: 2, greedy: true })
      .next('two', isFailed, { times: [2, 4], consecutive: true })
      .next('maybe', isCreated, { optional: true })
      .next('few', isFailed, { times: [0, 3] })
    expectTypeOf(shown(found)).toEqualTypeOf<{
      readonly some: readonly Created[]
      readonly two: readonly Failed[]
      readonly maybe?: Created
      readonly few?: readonly Failed[]
    }>()
    const words = start()
      .begin('some', isCreated)
      .timesOrMore(2)
      .greedy()
      .next('two', isFailed)
      .times(2, 4)
      .consecutive()
      .next('maybe', isCreated)
      .optional()
      .next('few', isFailed)
      .times(0, 3)
    expect(found['~definition']).toEqual(words['~definition'])
  })

  test('without the steps that must not happen', () => {
    const found = start()
      .begin('first', isCreated)
      .notNext('no', isFailed)
      .followedBy('then', isCreated)
      .notFollowedBy('never', isFailed)
    expectTypeOf(shown(found)).toEqualTypeOf<{ readonly first: Created; readonly then: Created }>()
  })

  test('of groups, once or several times', () => {
    const once = start()
      .begin('first', isCreated)
      .next((group) => group.begin('a', isFailed).next('b', isCreated).oneOrMore())
      .within('1m')
    expectTypeOf(shown(once)).toEqualTypeOf<{
      readonly first: Created
      readonly a: Failed
      readonly b: readonly Created[]
    }>()
    const twice = start()
      .begin((group) => group.begin('a', isFailed).next('b', isCreated).optional())
      .times(2)
    expectTypeOf(shown(twice)).toEqualTypeOf<{
      readonly a: readonly Failed[]
      readonly b?: readonly Created[]
    }>()
  })
})

describe('a predicate is shown', () => {
  test('what the steps before have taken, and its own', () => {
    const found = start()
      .begin('first', isCreated)
      .followedBy('more', (event: OrderEvent, soFar): event is Created => {
        expectTypeOf(soFar.first).toEqualTypeOf<Created>()
        expectTypeOf(soFar.more).toEqualTypeOf<readonly OrderEvent[]>()
        return isCreated(event) && event.amount > soFar.first.amount
      })
      .oneOrMore()
      .until((_, { more = [] }) => more.length > 3)
      .next((group) =>
        group.begin('last', (_, soFar) => {
          expectTypeOf(soFar.more).toEqualTypeOf<readonly Created[]>()
          return soFar.more.length > 1
        }),
      )
    expectTypeOf(shown(found).more).toEqualTypeOf<readonly Created[]>()
  })
})

test('detect gives a stream of matches, and two more', () => {
  topology('types', (builder) => {
    const found = builder
      .stream(events)
      .detect(start().begin('first', isCreated).next('then', isFailed))
    type Shape = {
      readonly first: { readonly one: Created }
      readonly then: { readonly one: Failed }
    }
    expectTypeOf(found).toExtend<Detected<string, OrderEvent, Shape>>()
    expectTypeOf(found).toExtend<
      Stream<string, { readonly first: Created; readonly then: Failed }>
    >()
    expectTypeOf(found.timedOut).toEqualTypeOf<
      Stream<string, { readonly first?: Created; readonly then?: Failed }>
    >()
    expectTypeOf(found.late).toEqualTypeOf<Stream<string, OrderEvent>>()
    found.mapValues(({ first, then }) => `${first.amount} ${then.reason}`)
    const years = builder.stream(events).selectKey(() => 2026)
    const byYear = years.detect(pattern<OrderEvent>('years').begin('first', isCreated), {
      key: int32,
    })
    expectTypeOf(byYear).toExtend<Stream<number, { readonly first: Created }, number>>()
  })
})

describe('the compiler refuses', () => {
  test('an unknown step', () => {
    topology('types', (builder) => {
      const found = builder.stream(events).detect(start().begin('first', isCreated))
      // @ts-expect-error -- there is no such step
      found.mapValues(({ second }) => second as unknown)
      expect(() =>
        builder
          .stream(events)
          // @ts-expect-error -- there is no such step
          .detect(pattern<OrderEvent>('other').begin('first', isCreated).skipToLast('second')),
      ).toThrow('skips to step "second"')
    })
    start()
      .begin('first', isCreated)
      // @ts-expect-error -- there is no such step before it
      .next('then', (_, soFar) => soFar.frist !== undefined)
  })

  test('a pattern of other events, keys without a serde, and times without a unit', () => {
    topology('types', (builder) => {
      // @ts-expect-error -- the stream has numbers
      builder.stream(numbers).detect(start().begin('first', isCreated))
      // @ts-expect-error -- the keys are numbers
      builder
        .stream(events)
        .selectKey(() => 1)
        .detect(pattern<OrderEvent>('b').begin('first'))
    })
    // @ts-expect-error -- five of what?
    expect(() => start().begin('first').within(5)).toThrow('is not a duration')
  })
})

describe('a pattern is refused', () => {
  const build = (found: PatternOf<OrderEvent, unknown>): void => {
    topology('refused', (builder) => void builder.stream(events).detect(found))
  }
  const begun = () => start().begin('a', isCreated)
  type Refused = readonly [what: string, says: string, make: () => PatternOf<OrderEvent, unknown>]
  const refused: readonly Refused[] = [
    ['with two steps of one name', 'two steps called "a"', () => begun().next('a', any)],
    ['with a step that has no name', 'a step called ""', () => start().begin('')],
    [
      'with a loop that nothing ends',
      'nothing ends the loop of step "a"',
      () => begun().oneOrMore().next('b', any),
    ],
    [
      'that ends with notFollowedBy and no time limit',
      'never knows that nothing came',
      () => begun().notFollowedBy('b', any),
    ],
    [
      'with a not after an optional step',
      'right after an optional step',
      () => begun().optional().notNext('b', any).next('c', any),
    ],
    [
      'with a step limited to more than the whole',
      'later than the whole pattern',
      () => begun().next('b', any).within('2m', { since: 'previous' }).within('1m'),
    ],
    [
      'with a repeated group that may take nothing',
      'may take no event at all',
      () =>
        start()
          .begin((group) => group.begin('a', any).optional())
          .oneOrMore()
          .within('1m'),
    ],
    [
      'with a greedy optional loop with until after a notFollowedBy',
      'right after a notFollowedBy',
      () =>
        begun()
          .notFollowedBy('no', isFailed)
          .followedBy('b', isCreated, { atLeast: 1, greedy: true, optional: true, until: isFailed })
          .followedBy('c', any),
    ],
  ]

  test.for(refused)('%s', ([, says, make]) => {
    expect(() => build(make())).toThrow(says)
  })

  test('with options that cannot be', () => {
    const detect = (options: DetectOptions<OrderEvent>): void => {
      topology('refused', (builder) => void builder.stream(events).detect(begun(), options))
    }
    expect(() => detect({ partialMatchesMax: 0 })).toThrow('cannot have 0 partial matches')
    expect(() => detect({ idleClose: '0s' })).toThrow('given 0s of time')
    expect(() => detect({ timeouts: 'flink' })).toThrow('takes events as they come')
  })

  const words: readonly Refused[] = [
    ['says twice how often', 'twice how often', () => begun().times(2).oneOrMore()],
    ['happens 0 times', '0 times', () => begun().times(0)],
    ['happens half a time', 'cannot happen 0.5 times', () => begun().times(0.5)],
    ['has its numbers the wrong way round', 'cannot happen 3 to 2', () => begun().times(3, 2)],
    ['is consecutive, but once', 'but not repeated', () => begun().consecutive()],
    [
      'is consecutive and allows combinations',
      'twice how its events follow',
      () => begun().times(2).consecutive().allowCombinations(),
    ],
    ['is greedy, but once', 'but not repeated', () => begun().greedy()],
    [
      'is greedy and allows combinations',
      'allows combinations',
      () => begun().times(2).allowCombinations().greedy(),
    ],
    ['is optional twice', 'optional twice', () => begun().optional().optional()],
    ['has until without a loop', 'no end to reach', () => begun().times(2).until(any)],
    ['has two until', 'two until', () => begun().oneOrMore().until(any).until(any)],
    [
      'is repeated and must not come',
      'cannot be repeated',
      () => begun().notNext('b', any).times(2),
    ],
    [
      'is a greedy group',
      'is greedy',
      () =>
        start()
          .begin((group) => group.begin('a'))
          .times(2)
          .greedy(),
    ],
    [
      'is optional right after a greedy one',
      'right after a greedy one',
      () => begun().times(1, 2).greedy().next('b', any).optional(),
    ],
    [
      'is repeated and limited since the previous event',
      'a limit to the time since',
      () => begun().next('b', any).times(2).within('1m', { since: 'previous' }),
    ],
    [
      'is a group with a time limit of its own',
      'a within or a skip of its own',
      () => start().begin((group) => group.begin('a').within('1m')),
    ],
    ['takes no time', '0ms of time', () => begun().within('0ms')],
  ]

  test.for(words)('with a step that %s', ([, says, make]) => {
    const failure = (() => {
      try {
        make()
        return undefined
      } catch (error) {
        return error
      }
    })()
    expect(isStreamsError(failure) && failure.code).toBe('INVALID_TOPOLOGY')
    expect(String(failure)).toContain(says)
  })
})
