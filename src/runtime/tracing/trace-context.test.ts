import { expect, test } from 'vitest'
import { noHeaders } from '../../core/record.ts'
import { asText, textHeader } from './spans.fixtures.ts'
import { isUnsampled, spanContextOf, traceHeaders, withTrace } from './trace-context.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const SPAN = 'b7ad6b7169203331'
const parent = (text: string) => [textHeader('traceparent', text)]

test('who sent a record is read from its header, and written the same', () => {
  const headers = [
    textHeader('other', 'x'),
    ...parent(`00-${TRACE}-${SPAN}-01`),
    textHeader('tracestate', 'rojo=00f067, congo=t61rcWkgMzE'),
  ]
  const context = spanContextOf(headers)
  expect(context).toMatchObject({ traceId: TRACE, spanId: SPAN, traceFlags: 1, isRemote: true })
  expect(context?.traceState?.get('congo')).toBe('t61rcWkgMzE')
  expect(asText(traceHeaders(context!))).toEqual({
    traceparent: `00-${TRACE}-${SPAN}-01`,
    tracestate: 'rojo=00f067,congo=t61rcWkgMzE',
  })
})

test('what an SDK changes in the state of a trace comes first', () => {
  const headers = [...parent(`00-${TRACE}-${SPAN}-01`), textHeader('tracestate', 'a=1,b=2')]
  const state = spanContextOf(headers)?.traceState
  expect(state?.set('b', '3').serialize()).toBe('b=3,a=1')
  expect(state?.unset('a').serialize()).toBe('b=2')
  expect(state?.serialize()).toBe('a=1,b=2')
})

test('what makes no sense is no sender', () => {
  const wrong = [
    '',
    'x',
    `00-${TRACE}-${SPAN}`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `00-${'0'.repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `00-${TRACE}-${SPAN}-01-more`,
    `ff-${TRACE}-${SPAN}-01`,
  ]
  for (const text of wrong) expect(spanContextOf(parent(text))).toBeUndefined()
  expect(spanContextOf([['traceparent', null]])).toBeUndefined()
  expect(spanContextOf(noHeaders)).toBeUndefined()
})

test('a later version may say more', () => {
  expect(spanContextOf(parent(`cc-${TRACE}-${SPAN}-00-more`))).toMatchObject({
    traceId: TRACE,
    traceFlags: 0,
  })
})

test('a sender that has not sampled is known by the last bit of its flags', () => {
  const flags = ['00', '01', '02', '0a', '0b', 'fe', 'ff']
  const unsampled = flags.filter((each) => isUnsampled(parent(`00-${TRACE}-${SPAN}-${each}`)))
  expect(unsampled).toEqual(['00', '02', '0a', 'fe'])
  for (const headers of [noHeaders, parent('00'), parent('x'.repeat(55))]) {
    expect(isUnsampled(headers)).toBe(false)
  }
})

test('of several senders the last one counts, and one takes the place of all', () => {
  const other = SPAN.replace('b', 'c')
  const headers = [
    ...parent(`00-${TRACE}-${SPAN}-01`),
    textHeader('kept', 'yes'),
    ...parent(`00-${TRACE}-${other}-01`),
  ]
  expect(spanContextOf(headers)?.spanId).toBe(other)
  const own = parent(`00-${TRACE}-${'1'.repeat(16)}-01`)
  expect(withTrace(headers, own)).toEqual([textHeader('kept', 'yes'), ...own])
})
