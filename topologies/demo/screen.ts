import type { Account, AccountRow, CaseStudy, Follower } from './case-study.ts'
import type { GeneratedRecord } from './generated-record.ts'
import type { Seen, ShownRecord } from './observer.ts'
import { bar, sparkline, type Line, type Piece, type Style } from './painting.ts'

export interface View {
  readonly study: Pick<CaseStudy, 'topology' | 'outputs' | 'inputInWords'>
  readonly follower: Pick<Follower, 'note'>
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
  /** All input is written; what waits is still to come out. */
  readonly isWritten: boolean
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
const KEY_WIDTH = 17
/** Below it topics are shown by the last part of their name. */
const WIDE_COLUMNS = 76

const number = (value: number): string => Math.round(value).toLocaleString('en-US')
const rate = (perSecond: number): string => `${number(perSecond)}/s`.padStart(RATE_WIDTH)

/** Lines for outputs: their numbers, and the last records of them. */
const COUNTS = 6
const SHOWN_IN = 2
const SHOWN_OUT = 5

/** Everything that goes on, in 23 lines: most terminals have 24 at least. */
export function screenOf(view: View, columns: number): readonly Line[] {
  const { study, follower, seen, worker, rates, wanted, written } = view
  const ready = written / Math.max(1, wanted)
  const sparkWidth = Math.max(0, Math.min(BAR_WIDTH_MAX, columns - BESIDE))
  const barWidth = Math.max(0, Math.min(BAR_WIDTH_MAX, columns - BESIDE - WANTED_WIDTH))
  const progress = wanted === 0 ? '' : `  ${bar(ready, barWidth)} of ${number(wanted)}`
  const shownLine = (record: ShownRecord | undefined): Line => lineOf(record, columns)
  const of = (topic: string): number => seen.counts.get(topic) ?? 0
  const out = study.outputs.reduce((sum, { topic }) => sum + of(topic), 0)
  const kills = worker.kills === 0 ? '' : `, killed ${times(worker.kills)}`
  const counts = study.outputs.map(({ topic, label, style }) => {
    const note = follower.note(topic)
    return count(label, of(topic), note === '' ? '' : `  ${note}`, style)
  })
  const input = view.input.map((record) => ({ ...record, text: study.inputInWords(record) }))
  return [
    [
      ['bold', `millrace ${study.topology.name}`],
      ['dim', `  ${view.seconds.toFixed(0)} s, ${view.cluster}`],
    ],
    labelled('worker', [stateStyle(worker.state), worker.state], `  ${worker.place}${kills}`),
    [],
    count('in', written, `${rate(rates.in)}${progress}`),
    count('out', out, `${rate(rates.out)}  ${sparkline(view.history, sparkWidth)}`),
    count('lag', seen.lag, '  records not processed yet'),
    [],
    ...padded(counts, COUNTS).map((line) => line ?? []),
    [['dim', 'what goes in']],
    ...padded(input, SHOWN_IN).map(shownLine),
    [['dim', 'what comes out']],
    ...padded(seen.latest, SHOWN_OUT).map(shownLine),
    [['dim', footerOf(view)]],
  ]
}

function footerOf({ isStopping, isWritten }: View): string {
  if (isStopping) return 'Stopping: what is written is still processed. Ctrl-C again ends at once.'
  if (isWritten) return 'All is written. What waits comes out, then the account is closed.'
  return 'Ctrl-C stops and closes the account.'
}

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

export function progressLine({ study, worker, written, seen, rates }: View): string {
  const lag = seen.lag === undefined ? '?' : number(seen.lag)
  const counts = study.outputs.map(
    ({ topic, label }) => `${number(seen.counts.get(topic) ?? 0)} ${label}`,
  )
  return (
    `${worker.state}: ${number(written)} in, ${counts.join(', ')}, ` +
    `lag ${lag}, ${number(rates.out)}/s out`
  )
}

export const accountLines = ({ rows, verdict }: Account): readonly string[] => [
  'The account, read back from Kafka',
  ...rows.map(([count, label]: AccountRow) => `  ${number(count).padStart(10)}  ${label}`),
  `  ${verdict}`,
]
