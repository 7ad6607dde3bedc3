/** How a thread gets an SDK, and lets go of it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import * as api from '@opentelemetry/api'
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base'
import { expect, onTestFinished, test } from 'vitest'
import { silentLogger, type Logger } from '../core/logger.ts'
import { checkTracing, openTracing } from './thread-tracing.ts'

/** The URL of a module with this text. */
function moduleOf(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-tracing-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'tracing.mjs')
  writeFileSync(file, text)
  return pathToFileURL(file).href
}

function register(provider = new BasicTracerProvider()): void {
  api.trace.setGlobalTracerProvider(provider)
  onTestFinished(() => api.trace.disable())
}

function noting(): Logger & { readonly notes: readonly string[] } {
  const notes: string[] = []
  return { ...silentLogger, notes, warn: (_, message) => void notes.push(message) }
}

test('a module that is not there is said before anything runs', async () => {
  const missing = pathToFileURL(join(tmpdir(), 'no-tracing-here.mjs')).href
  await expect(checkTracing(missing)).rejects.toMatchObject({
    code: 'INVALID_CONFIG',
    message: expect.stringContaining('to set tracing up') as string,
  })
  await checkTracing(moduleOf(''))
  await checkTracing(true)
})

test('a module that fails is an error of the configuration, with its reason', async () => {
  const broken = moduleOf(`throw new Error('no collector configured')`)
  await expect(openTracing(broken)).rejects.toMatchObject({
    code: 'INVALID_CONFIG',
    message: expect.stringContaining('no collector configured') as string,
  })
})

test('a module that registers nothing, or nobody who does, is said', async () => {
  const silent = openTracing(moduleOf(''))
  await expect(silent).rejects.toMatchObject({ code: 'INVALID_CONFIG' })
  await expect(silent).rejects.toThrow('has registered no OpenTelemetry SDK')
  await expect(openTracing(true)).rejects.toThrow('no OpenTelemetry SDK is there')
})

test('what the module exports is shut down at the end', async () => {
  register()
  const url = moduleOf(`export default {
    ended: 0,
    shutdown() { this.ended += 1; return Promise.resolve() },
  }`)
  const tracing = await openTracing(url)
  const logger = noting()
  await tracing.end(logger)
  const { default: sdk } = (await import(url)) as { readonly default: { readonly ended: number } }
  expect(sdk.ended).toBe(1)
  expect(logger.notes).toEqual([])
})

test('without it the provider that is registered is shut down', async () => {
  let ended = 0
  const provider = new BasicTracerProvider()
  provider.shutdown = () => {
    ended += 1
    return Promise.resolve()
  }
  register(provider)
  const tracing = await openTracing(true)
  await tracing.end(noting())
  expect(ended).toBe(1)
})

test('spans that cannot be exported are a warning, and no failure', async () => {
  register()
  const url = moduleOf(`export default { shutdown: () => Promise.reject(new Error('away')) }`)
  const logger = noting()
  await (await openTracing(url)).end(logger)
  expect(logger.notes).toEqual(['the last spans could not be exported'])
})
