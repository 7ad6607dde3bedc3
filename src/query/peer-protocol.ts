/**
 * How instances ask each other about stores: GET over HTTP, keys and rows as the bytes that the
 * store's serdes write, in base64, so that a value is the same wherever it is asked for. Who is
 * asked answers of its own tasks and never asks on.
 */
import { StreamsError } from '../core/errors.ts'
import type { TaskId } from '../core/task-id.ts'
import type { RowsAnswer, RowsQuestion, ValueAnswer, ValueQuestion } from './question.ts'
import type { Scan } from './scan.ts'

/** Paths; the process is named so that another one at the same address does not answer for it. */
export const valuePath = '/peers/{process}/stores/{name}/value'
export const rowsPath = '/peers/{process}/stores/{name}/rows'

export function valueUrl(server: string, process: string, question: ValueQuestion): string {
  const { store, key, owner, asOfMs, standby } = question
  const query = new URLSearchParams({ key: base64(key), owner: base64(owner) })
  if (asOfMs !== undefined) query.set('asOfMs', String(asOfMs))
  if (standby) query.set('standby', 'true')
  return urlOf(server, valuePath, process, store, query)
}

export function rowsUrl(server: string, process: string, question: RowsQuestion): string {
  const { store, scan, limit, standby, partitions } = question
  const query = new URLSearchParams({ limit: String(limit), scan: JSON.stringify(plain(scan)) })
  if (standby) query.set('standby', 'true')
  if (partitions !== undefined) query.set('partitions', partitions.join())
  return urlOf(server, rowsPath, process, store, query)
}

function urlOf(
  server: string,
  path: string,
  process: string,
  store: string,
  query: URLSearchParams,
): string {
  const named = path
    .replace('{process}', encodeURIComponent(process))
    .replace('{name}', encodeURIComponent(store))
  return `${server}${named}?${query.toString()}`
}

export function readValueQuestion(store: string, query: URLSearchParams): ValueQuestion {
  const asOf = query.get('asOfMs')
  return {
    store,
    key: bytes(needed(query, 'key')),
    owner: bytes(needed(query, 'owner')),
    asOfMs: asOf === null ? undefined : number(asOf),
    standby: query.get('standby') === 'true',
  }
}

export function readRowsQuestion(store: string, query: URLSearchParams): RowsQuestion {
  const partitions = query.get('partitions')
  return {
    store,
    scan: readScan(needed(query, 'scan')),
    limit: number(needed(query, 'limit')),
    standby: query.get('standby') === 'true',
    partitions: partitions === null ? undefined : partitions.split(',').map(number),
  }
}

/** Undefined stands for a key that no task here owns. */
export const writeValueAnswer = (answer: ValueAnswer | undefined): unknown => {
  if (answer === undefined) return { owned: false }
  const { found, lag } = answer
  return {
    owned: true,
    found: found && { value: base64(found.value), timestampMs: found.timestampMs },
    ...lagged(lag),
  }
}

export function readValueAnswer(body: unknown): ValueAnswer | undefined {
  const { owned, found, lag } = body as {
    readonly owned: boolean
    readonly found?: { readonly value: string; readonly timestampMs: number }
    readonly lag?: number | null
  }
  if (!owned) return undefined
  return {
    found: found && { value: bytes(found.value), timestampMs: found.timestampMs },
    lag: readLag(lag),
  }
}

export const writeRowsAnswer = ({ rows, complete, tasks, lag }: Omit<RowsAnswer, 'isGlobal'>) => ({
  tasks,
  rows: rows.map(([key, value]) => [base64(key), base64(value)]),
  complete,
  ...lagged(lag),
})

export function readRowsAnswer(body: unknown): RowsAnswer {
  const { rows, complete, tasks, lag } = body as {
    readonly rows: readonly (readonly [string, string])[]
    readonly complete: boolean
    readonly tasks: readonly TaskId[]
    readonly lag?: number | null
  }
  return {
    rows: rows.map(([key, value]) => [bytes(key), bytes(value)]),
    complete,
    tasks,
    isGlobal: false,
    lag: readLag(lag),
  }
}

/** JSON has no infinite number: null stands for a lag that is not known. */
const lagged = (lag: number | undefined) =>
  lag === undefined ? {} : { lag: Number.isFinite(lag) ? lag : null }
const readLag = (lag: number | null | undefined): number | undefined =>
  lag === null ? Infinity : lag

const base64 = (from: Uint8Array): string => Buffer.from(from).toString('base64url')
const bytes = (text: string): Uint8Array => Buffer.from(text, 'base64url')

/** A scan with its bytes as text. */
function plain(scan: Scan): unknown {
  const text = (end: Uint8Array | null): string | null => (end === null ? null : base64(end))
  switch (scan.kind) {
    case 'range':
      return { ...scan, from: text(scan.from), to: text(scan.to) }
    case 'prefix':
      return { ...scan, prefix: base64(scan.prefix) }
    case 'fetch':
      return { ...scan, key: base64(scan.key) }
    case 'fetchAll':
      return scan
  }
}

function readScan(text: string): Scan {
  const fields = parsed(text)
  const end = (name: string): Uint8Array | null =>
    typeof fields[name] === 'string' ? bytes(fields[name]) : null
  const time = { fromMs: Number(fields.fromMs), toMs: Number(fields.toMs) }
  switch (fields.kind) {
    case 'range':
      return { kind: 'range', from: end('from'), to: end('to'), reverse: fields.reverse === true }
    case 'prefix':
      return { kind: 'prefix', prefix: end('prefix') ?? new Uint8Array(0) }
    case 'fetch':
      return { kind: 'fetch', key: end('key') ?? new Uint8Array(0), ...time }
    case 'fetchAll':
      return { kind: 'fetchAll', ...time, timeBytes: Number(fields.timeBytes) }
    default:
      throw unreadable('scan', text)
  }
}

function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    const fields: unknown = JSON.parse(text)
    if (typeof fields === 'object' && fields !== null) return fields as Record<string, unknown>
  } catch {
    // Said below.
  }
  throw unreadable('scan', text)
}

function needed(query: URLSearchParams, name: string): string {
  const text = query.get(name)
  if (text === null) throw unreadable(name, 'nothing')
  return text
}

function number(text: string): number {
  if (/^\d+$/.test(text)) return Number(text)
  throw unreadable('a number', text)
}

const unreadable = (what: string, given: string): StreamsError =>
  new StreamsError('INVALID_CONFIG', {
    message: `a question of another instance cannot be read: ${what} is ${given}`,
    hint: 'Only instances of this application ask here: ask /stores instead.',
  })
