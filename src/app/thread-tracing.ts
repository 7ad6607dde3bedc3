import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { systemClock } from '../core/clock.ts'
import { StreamsError } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { OpenTelemetry } from '../runtime/tracing/open-telemetry.ts'
import { loadFailure, modulePath } from './load-failure.ts'

/** How long the last spans may take: who receives them may be away. */
const LAST_SPANS_MS = 5_000

/** Tracing as it is set up in this thread. */
export interface ThreadTracing {
  readonly api: OpenTelemetry
  /** Has what is not exported yet exported, in seconds at most; never rejects. */
  readonly end: (logger: Logger) => Promise<void>
}

type OpenTelemetryApi = typeof import('@opentelemetry/api')

/** What an SDK can do, or what it gave to OpenTelemetry's API. */
interface Endable {
  readonly shutdown?: () => Promise<void>
  readonly forceFlush?: () => Promise<void>
  readonly getDelegate?: () => Endable
}

/** Rejects with `INVALID_CONFIG`, before anything runs, where a thread could not set it up. */
export async function checkTracing(tracing: true | string): Promise<void> {
  await importApi()
  if (tracing === true || !tracing.startsWith('file:')) return
  if (existsSync(fileURLToPath(tracing))) return
  throw new StreamsError('INVALID_CONFIG', {
    message: `there is no file ${modulePath(tracing)} to set tracing up`,
    hint: 'Give the module that sets an OpenTelemetry SDK up when it is loaded.',
  })
}

/** Loads the module that sets it up, or takes what is there: each thread has its own. */
export async function openTracing(tracing: true | string): Promise<ThreadTracing> {
  const api = await importApi()
  const sdk = tracing === true ? undefined : await importSdk(tracing)
  if (registered(api) === nobody(api)) throw notRegistered(tracing)
  return {
    api,
    end: async (logger) => {
      const patience = new AbortController()
      try {
        const tooLong = systemClock.sleep(LAST_SPANS_MS, patience.signal)
        await Promise.race([lastSpans(sdk ?? registered(api)), tooLong])
      } catch (error) {
        logger.warn({ err: error }, 'the last spans could not be exported')
      } finally {
        patience.abort()
      }
    },
  }
}

/** The thread is at its end, and so is its SDK. */
const lastSpans = (sdk: Endable): Promise<void> | undefined =>
  sdk.shutdown === undefined ? sdk.forceFlush?.() : sdk.shutdown()

function registered({ trace }: OpenTelemetryApi): Endable {
  const provider = trace.getTracerProvider() as Endable
  return provider.getDelegate?.() ?? provider
}

/** What the API gives spans to where no SDK has said otherwise. */
const nobody = ({ ProxyTracerProvider }: OpenTelemetryApi): Endable =>
  new ProxyTracerProvider().getDelegate() as Endable

const notRegistered = (tracing: true | string): StreamsError =>
  new StreamsError('INVALID_CONFIG', {
    message:
      tracing === true
        ? 'tracing is on, and no OpenTelemetry SDK is there in a stream thread'
        : `${modulePath(tracing)} has registered no OpenTelemetry SDK`,
    hint:
      tracing === true
        ? 'Start Node with `--import` and what sets it up, or name that module as `tracing`.'
        : 'Call `trace.setGlobalTracerProvider`, or what does it: `sdk.start()`.',
  })

async function importApi(): Promise<OpenTelemetryApi> {
  try {
    return await import('@opentelemetry/api')
  } catch (cause) {
    throw new StreamsError('INVALID_CONFIG', {
      message: 'tracing needs the package @opentelemetry/api, which is not there',
      hint: 'Install it with an SDK: `npm install @opentelemetry/api @opentelemetry/sdk-trace-base`.',
      cause,
    })
  }
}

/** The module may export what ends it; else that is found where it was registered. */
async function importSdk(url: string): Promise<Endable | undefined> {
  try {
    const module = (await import(url)) as { readonly default?: Endable }
    return module.default
  } catch (error) {
    throw loadFailure(url, error, 'INVALID_CONFIG')
  }
}
