import { StreamsError } from '../core/errors.ts'
import { json, type Reply, type Route } from '../server/http-server.ts'
import type { StoreSpec } from '../state/store-spec.ts'
import type { Application } from './application.ts'
import { innerKeyOf, type GetOptions, type ReadOptions, type ScanOptions } from './store-view.ts'

/** Stores over HTTP: of the whole application, whichever instance is asked. */
export const storeRoutes = (app: Application): readonly Route[] => [
  {
    path: '/stores',
    answer: () => shown(app.stores.map(({ name, kind }) => ({ name, kind }))),
  },
  {
    path: '/stores/{name}',
    answer: async ({ name = '' }, query) => {
      const [store, spec] = [app.store(name), specOf(app, name)]
      const prefix = query.get('prefix')
      if (isWindowed(spec)) {
        const { fromMs, toMs } = timeOf(query)
        return shown(await store.fetchAll(fromMs, toMs, optionsOf(query)))
      }
      if (prefix !== null) return shown(await store.prefix(Buffer.from(prefix), optionsOf(query)))
      const [from, to] = ['from', 'to'].map((end) => {
        const text = query.get(end)
        return text === null ? null : keyOf(spec, text)
      })
      return shown(await store.range(from, to, optionsOf(query)))
    },
  },
  {
    path: '/stores/{name}/{key}',
    answer: async ({ name = '', key = '' }, query) => {
      const [store, spec] = [app.store(name), specOf(app, name)]
      const given = keyOf(spec, key)
      if (isWindowed(spec)) {
        const { fromMs, toMs } = timeOf(query)
        return shown(await store.fetch(given, fromMs, toMs, optionsOf(query)))
      }
      const { value, stale } = await store.find(given, getOptionsOf(query))
      if (value !== undefined) return shown({ key: given, value, ...(stale && { stale }) })
      return json(404, { error: { message: `store "${name}" has no key ${key}` } })
    },
  },
  {
    path: '/stores/{name}/{key}/instances',
    answer: ({ name = '', key = '' }) => {
      app.store(name)
      const spec = specOf(app, name)
      return json(200, app.metadataFor(name, keyOf(spec, key)))
    },
  },
]

const specOf = (app: Application, name: string): StoreSpec =>
  app.stores.find((each) => each.name === name) as StoreSpec

const isWindowed = ({ kind }: StoreSpec): boolean => kind === 'window' || kind === 'session'

/** A text stands for itself, everything else is JSON. */
function keyOf(spec: StoreSpec, text: string): unknown {
  const serde = innerKeyOf(spec)
  if (serde.name === 'string') return text
  try {
    return serde.name === 'bytes' ? Buffer.from(text) : JSON.parse(text)
  } catch (cause) {
    throw new StreamsError('INVALID_CONFIG', {
      message: `"${text}" is no key of store "${spec.name}"`,
      hint: `Its keys are written by the serde ${serde.name}: give one as JSON.`,
      cause,
    })
  }
}

const readOptionsOf = (query: URLSearchParams): ReadOptions => ({
  local: query.get('local') === 'true',
  standby: query.get('standby') === 'true',
})

function getOptionsOf(query: URLSearchParams): GetOptions {
  const asOfMs = numberOf(query, 'asOfMs')
  return { ...readOptionsOf(query), ...(asOfMs === undefined ? {} : { asOfMs }) }
}

function optionsOf(query: URLSearchParams): ScanOptions {
  const limit = numberOf(query, 'limit')
  const reverse = query.get('reverse') === 'true'
  return { ...readOptionsOf(query), reverse, ...(limit === undefined ? {} : { limit }) }
}

const timeOf = (query: URLSearchParams): { readonly fromMs: number; readonly toMs: number } => ({
  fromMs: numberOf(query, 'fromMs') ?? 0,
  toMs: numberOf(query, 'toMs') ?? Number.MAX_SAFE_INTEGER,
})

function numberOf(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name)
  if (text === null) return undefined
  if (/^\d+$/.test(text)) return Number(text)
  throw new StreamsError('INVALID_CONFIG', {
    message: `${name} is "${text}"`,
    hint: 'Write a whole number.',
  })
}

/** Bytes as base64 and bigints as text, which JSON does not have. */
const shown = (value: unknown): Reply => ({
  ...json(200, null),
  body: `${JSON.stringify(value, (_, each: unknown) => plain(each))}\n`,
})

function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return String(value)
  return value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value
}
