import { describe, expect, test } from 'vitest'
import { ordersStudy } from './orders/orders-study.ts'
import { painted, sparkline } from './painting.ts'
import { accountLines, progressLine, screenOf, type View } from './screen.ts'

const notes: Readonly<Record<string, string>> = {
  'orders.events': '5 placed, 4,000 shipped',
  'orders.refused': 'commands',
}

const view: View = {
  study: ordersStudy,
  follower: { note: (topic) => notes[topic] ?? '' },
  cluster: 'Apache Kafka on 127.0.0.1:9092',
  worker: { state: 'running', place: 'process 4711', kills: 2 },
  seconds: 7.6,
  written: 15_000,
  wanted: 20_000,
  isStopping: false,
  isWritten: false,
  input: [
    {
      topic: 'orders.commands',
      key: 'order-1-9',
      value: JSON.stringify({
        type: 'PlaceOrder',
        commandId: 'c',
        customer: 'Ada',
        lines: [{ sku: 'tea', quantity: 2, price: 650 }],
      }),
    },
    {
      topic: 'payments',
      key: 'order-1-7',
      value: '{"amount":5270,"status":"failed","card":"4000-0009"}',
    },
  ],
  seen: {
    counts: new Map([
      ['orders.events', 13_000],
      ['orders.refused', 1_100],
      ['orders.dead-letters', 90],
    ]),
    lag: 810,
    isCaughtUp: true,
    latest: [
      { topic: 'orders.events', key: 'order-1-6', text: 'OrderShipped with red-van' },
      { topic: 'orders.dead-letters', key: 'order-1-8', text: 'Unexpected end of JSON input: {' },
    ],
  },
  rates: { in: 2_500, out: 2_480.4 },
  history: [0, 1_000, 2_000, 0],
}

const shown = (view: View, columns: number): readonly string[] =>
  screenOf(view, columns).map((line) => painted(line, columns, false))

describe('the screen of the demo', () => {
  test('shows what goes in, what comes out and who works', () => {
    expect(shown(view, 100)).toEqual([
      'millrace orders  8 s, Apache Kafka on 127.0.0.1:9092',
      'worker        running  process 4711, killed 2 times',
      '',
      'in               15,000     2,500/s  ██████████████████░░░░░░ of 20,000',
      'out              14,190     2,480/s  ▁▅█▁',
      'lag                 810  records not processed yet',
      '',
      'events           13,000  5 placed, 4,000 shipped',
      'refused           1,100  commands',
      'paid                  0',
      'unmatched             0',
      'alerts                0',
      'dead letters         90',
      'what goes in',
      '  orders.commands     order-1-9         PlaceOrder by Ada: 2 tea',
      '  payments            order-1-7         failed, 52.70 from 4000-0009',
      'what comes out',
      '  orders.events       order-1-6         OrderShipped with red-van',
      '  orders.dead-letters order-1-8         Unexpected end of JSON input: {',
      '',
      '',
      '',
      'Ctrl-C stops and closes the account.',
    ])
  })

  test('fits the usual 24 rows, whatever there is to show', () => {
    expect(shown(view, 80)).toHaveLength(23)
    const empty = { ...view, input: [], seen: { ...view.seen, latest: [] } }
    expect(shown(empty, 80)).toHaveLength(23)
  })

  test('never writes beyond a narrow terminal, and cuts visibly', () => {
    for (const columns of [20, 44, 60, 79]) {
      for (const line of shown(view, columns)) expect(line.length).toBeLessThanOrEqual(columns)
    }
    expect(shown(view, 44).slice(0, 6)).toEqual([
      'millrace orders  8 s, Apache Kafka on 127.0…',
      'worker        running  process 4711, killed…',
      '',
      'in               15,000     2,500/s   of 20…',
      'out              14,190     2,480/s  ▁▅█▁',
      'lag                 810  records not proces…',
    ])
  })

  test('says that it is stopping, and when Kafka cannot tell the lag', () => {
    const lines = shown({ ...view, isStopping: true, seen: { ...view.seen, lag: undefined } }, 100)
    expect(lines.at(-1)).toBe(
      'Stopping: what is written is still processed. Ctrl-C again ends at once.',
    )
    expect(lines[5]).toBe('lag                   ?  records not processed yet')
  })

  test('says what it waits for when all is written', () => {
    expect(shown({ ...view, isWritten: true }, 100).at(-1)).toBe(
      'All is written. What waits comes out, then the account is closed.',
    )
  })

  test('shows no end where there is none', () => {
    expect(shown({ ...view, wanted: 0 }, 100)[3]).toBe('in               15,000     2,500/s')
  })
})

test('without a terminal a line says the same', () => {
  expect(progressLine(view)).toBe(
    'running: 15,000 in, 13,000 events, 1,100 refused, 0 paid, 0 unmatched, 0 alerts, ' +
      '90 dead letters, lag 810, 2,480/s out',
  )
})

test('a line that does not fit keeps its colours', () => {
  const line = ['in ', ['green', 'running'], ' for ever'] as const
  expect(painted(line, 8, true)).toBe('in \u001b[32mrunn…\u001b[39m')
  expect(painted(line, 100, true)).toBe('in \u001b[32mrunning\u001b[39m for ever')
})

test('what a record holds cannot steer the terminal', () => {
  expect(painted(['\u001b[2J\r\nhello'], 80, false)).toBe('·[2J··hello')
})

test('a sparkline shows the latest values, the largest full', () => {
  expect(sparkline([100, 0, 1, 2, 4, 8], 5)).toBe('▁▂▃▅█')
  expect(sparkline([], 5)).toBe('')
  expect(sparkline([1, 2], 0)).toBe('')
  expect(sparkline([0, 0], 5)).toBe('▁▁')
})

test('the account on the screen is a column of numbers, and a verdict', () => {
  const account = {
    numbers: {},
    balanced: true,
    rows: [[1_000, 'input records'] as const, [20, 'dead letters'] as const],
    verdict: 'Every input record came out exactly once.',
  }
  expect(accountLines(account)).toEqual([
    'The account, read back from Kafka',
    '       1,000  input records',
    '          20  dead letters',
    '  Every input record came out exactly once.',
  ])
})
