import type { GeneratedRecord } from '../orders/workload.ts'
import type { Account } from './account.ts'
import type { Seen, ShownRecord } from './observer.ts'
import { bar, sparkline, type Line, type Piece, type Style } from './painting.ts'
import { commandInWords, paymentInWords } from './words.ts'

export interface View {
  readonly cluster: string
  readonly worker: {
    readonly state: string
    /** Where it runs, for a person. */
    readonly place: string
    readonly kills: number
  }
  readonly seconds: number
  readonly written: number
  /** 0: without end. */
  readonly wanted: number
  readonly isStopping: boolean
  readonly input: readonly GeneratedRecord[]
  readonly seen: Seen
  /** Records a second, now. */
  readonly rates: { readonly in: number; readonly out: number }
  /** Records a second that came out, look by look. */
  readonly history: readonly number[]
}

const LABEL_WIDTH = 14
const NUMBER_WIDTH = 9
const RATE_WIDTH = 12
const BESIDE = LABEL_WIDTH + NUMBER_WIDTH + RATE_WIDTH + 2
const WANTED_WIDTH = ' of 20,000'.length
const BAR_WIDTH_MAX = 24
const KEY_WIDTH = 15
/** Below it topics are shown by the last part of their name. */
const WIDE_COLUMNS = 76

const number = (value: number): string => Math.round(value).toLocaleString('en-US')
const rate = (perSecond: number): string => `${number(perSecond)}/s`.padStart(RATE_WIDTH)

/** Everything that goes on, in 23 lines: most terminals have 24 at least. */
export function screenOf(view: View, columns: number): readonly Line[] {
  const { seen, worker, rates, wanted, written } = view
  const ready = written / Math.max(1, wanted)
  const sparkWidth = Math.max(0, Math.min(BAR_WIDTH_MAX, columns - BESIDE))
  const barWidth = Math.max(0, Math.min(BAR_WIDTH_MAX, columns - BESIDE - WANTED_WIDTH))
  const progress = wanted === 0 ? '' : `  ${bar(ready, barWidth)} of ${number(wanted)}`
  const shownLine = (record: ShownRecord | undefined): Line => lineOf(record, columns)
  const out = seen.events + seen.rejected + seen.deadLetters
  const orders = Object.entries(seen.orders).map(([status, count]) => `${number(count)} ${status}`)
  const kills = worker.kills === 0 ? '' : `, killed ${times(worker.kills)}`
  return [
    [
      ['bold', 'millrace orders'],
      ['dim', `  ${view.seconds.toFixed(0)} s, ${view.cluster}`],
    ],
    labelled('worker', [stateStyle(worker.state), worker.state], `  ${worker.place}${kills}`),
    [],
    count('in', written, `${rate(rates.in)}${progress}`),
    count('out', out, `${rate(rates.out)}  ${sparkline(view.history, sparkWidth)}`),
    count('lag', seen.lag, '  records not processed yet'),
    [],
    count('events', seen.events, `  ${orders.join(', ')}`),
    count('refused', seen.rejected, '  commands'),
    count('dead letters', seen.deadLetters, '  records that cannot be processed', 'red'),
    [],
    [['dim', 'what goes in']],
    ...padded(view.input.map(shownInput), 3).map(shownLine),
    [['dim', 'what comes out']],
    ...padded(seen.latest, 6).map(shownLine),
    [['dim', view.isStopping ? STOPPING : 'Ctrl-C stops and closes the account.']],
  ]
}

const STOPPING = 'Stopping: what is written is still processed. Ctrl-C again ends at once.'

const times = (count: number): string => (count === 1 ? 'once' : `${count} times`)

const stateStyle = (state: string): Style => (state === 'running' ? 'green' : 'yellow')

const labelled = (label: string, ...pieces: Line): Line => [
  ['dim', label.padEnd(LABEL_WIDTH)],
  ...pieces,
]

function count(label: string, value: number | undefined, rest: string, style?: Style): Line {
  const text = (value === undefined ? '?' : number(value)).padStart(NUMBER_WIDTH)
  const piece: Piece = [value !== 0 && style !== undefined ? style : 'bold', text]
  return labelled(label, piece, rest)
}

const shownInput = ({ topic, key, value }: GeneratedRecord): ShownRecord => ({
  topic,
  key,
  text: topic === 'payments' ? paymentInWords(value) : commandInWords(value),
})

/** Always as many lines, so that nothing jumps. */
const padded = <T>(items: readonly T[], length: number): readonly (T | undefined)[] =>
  Array.from({ length }, (_, index) => items[index])

function lineOf(record: ShownRecord | undefined, columns: number): Line {
  if (record === undefined) return []
  const { topic, key, text } = record
  const isWide = columns >= WIDE_COLUMNS
  const name = isWide ? topic.padEnd(20) : topic.replace(/^.*\./, '').padEnd(13)
  return [['cyan', `  ${name}`], `${key.padEnd(KEY_WIDTH)} ${text}`]
}

export function progressLine({ worker, written, seen, rates }: View): string {
  const lag = seen.lag === undefined ? '?' : number(seen.lag)
  return (
    `${worker.state}: ${number(written)} in, ${number(seen.events)} events, ` +
    `${number(seen.rejected)} refused, ${number(seen.deadLetters)} dead letters, lag ${lag}, ` +
    `${number(rates.out)}/s out`
  )
}

export const accountLines = (account: Account): readonly string[] => [
  'The account, read back from Kafka',
  `  ${number(account.input).padStart(10)}  input records`,
  `  ${number(account.events).padStart(10)}  events`,
  `  ${number(account.rejected).padStart(10)}  refused`,
  `  ${number(account.deadLetters).padStart(10)}  dead letters`,
  account.balanced
    ? '  Every input record came out exactly once.'
    : `  NOT BALANCED: ${account.missing} came out nowhere, ${account.doubled} more than once.`,
]
