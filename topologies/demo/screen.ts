import type { GeneratedRecord } from '../orders/workload.ts'
import type { Account } from './account.ts'
import type { Seen } from './observer.ts'

export interface View {
  readonly cluster: string
  readonly state: string
  readonly kills: number
  readonly seconds: number
  readonly written: number
  readonly wanted: number
  readonly input: readonly GeneratedRecord[]
  readonly seen: Seen
  /** Records that came out in the last second. */
  readonly outputRate: number
}

const WIDTH = 100
const number = (value: number): string => Math.round(value).toLocaleString('en-US')
const fit = (line: string): string => (line.length > WIDTH ? `${line.slice(0, WIDTH - 1)}…` : line)

/** One screen of text. */
export function screenOf(view: View): readonly string[] {
  const { seen } = view
  const wanted = view.wanted === 0 ? '' : ` of ${number(view.wanted)}`
  const orders = Object.entries(seen.orders).map(([status, count]) => `${number(count)} ${status}`)
  const kills = view.kills === 0 ? '' : `, killed ${view.kills} times`
  return [
    `millrace orders   ${view.cluster}`,
    `worker            ${view.state}${kills}, ${view.seconds.toFixed(0)} s`,
    '',
    `in                ${number(view.written)}${wanted} commands and payments written`,
    `out               ${number(seen.events)} events   ${number(seen.rejected)} refused   ` +
      `${number(seen.deadLetters)} dead letters   (${number(view.outputRate)}/s)`,
    `lag               ${number(seen.lag)} records`,
    `orders            ${orders.join(', ') || 'none yet'}`,
    '',
    ...view.input.map(({ topic, key, value }) => fit(`-> ${topic.padEnd(15)} ${key} ${value}`)),
    '',
    ...seen.latest.map((line) => fit(`<- ${line}`)),
  ]
}

export const progressLine = ({ state, written, seen, outputRate }: View): string =>
  `${state}: ${number(written)} in, ${number(seen.events)} events, ${number(seen.rejected)} refused, ` +
  `${number(seen.deadLetters)} dead letters, lag ${number(seen.lag)}, ${number(outputRate)}/s out`

export const accountLines = (account: Account): readonly string[] => [
  'The account',
  `  ${number(account.input).padStart(10)}  input records`,
  `  ${number(account.events).padStart(10)}  events`,
  `  ${number(account.rejected).padStart(10)}  refused`,
  `  ${number(account.deadLetters).padStart(10)}  dead letters`,
  account.balanced
    ? '  Every input record came out exactly once.'
    : `  NOT BALANCED: ${account.missing} came out nowhere, ${account.doubled} more than once.`,
]
