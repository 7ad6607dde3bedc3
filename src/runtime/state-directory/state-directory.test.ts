import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { isStreamsError } from '../../core/errors.ts'
import { openStateDirectory } from './state-directory.ts'

let stateDir = ''
beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'millrace-state-'))
})
afterEach(() => rmSync(stateDir, { recursive: true, force: true }))

/** Another process in the same directory; resolves once it holds it. */
async function holder(): Promise<{ readonly child: ChildProcess; readonly processId: string }> {
  const script = fileURLToPath(new URL('./test-holder.ts', import.meta.url))
  const child = spawn(process.execPath, [script, stateDir, 'app'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  return { child, processId: line.toString().trim() }
}

async function kill(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}

function failureOf(work: () => unknown): { code: string; message: string; hint: string } {
  try {
    work()
  } catch (error) {
    if (isStreamsError(error)) return error
    throw error
  }
  throw new Error('it did not fail')
}

test('a process keeps its name over restarts', () => {
  const first = openStateDirectory(stateDir, 'app')
  first[Symbol.dispose]()
  const second = openStateDirectory(stateDir, 'app')
  second[Symbol.dispose]()
  expect(second.processId).toBe(first.processId)
  expect(second.path).toBe(join(stateDir, 'app'))
  expect(readdirSync(second.path)).toEqual(['process-id'])
})

test('two applications have a name each', () => {
  using one = openStateDirectory(stateDir, 'one')
  using two = openStateDirectory(stateDir, 'two')
  expect(one.processId).not.toBe(two.processId)
})

test('a broken name is replaced', () => {
  const first = openStateDirectory(stateDir, 'app')
  first[Symbol.dispose]()
  writeFileSync(join(first.path, 'process-id'), '')
  using second = openStateDirectory(stateDir, 'app')
  expect(second.processId).toMatch(/^[0-9a-f-]{36}$/)
  expect(readFileSync(join(first.path, 'process-id'), 'utf8')).toBe(second.processId)
})

test('a second process is refused in one line that names the first', async () => {
  const { child } = await holder()
  const { code, message } = failureOf(() => openStateDirectory(stateDir, 'app'))
  expect(code).toBe('STATE_DIRECTORY_LOCKED')
  expect(message).toContain(`process ${child.pid} `)
  expect(message).not.toMatch(/[\n{]/)
  await kill(child)
})

test('the same process is refused a second time', () => {
  using _first = openStateDirectory(stateDir, 'app')
  expect(failureOf(() => openStateDirectory(stateDir, 'app')).code).toBe('STATE_DIRECTORY_LOCKED')
})

test('what a process left that was killed is taken over, with its name', async () => {
  const { child, processId } = await holder()
  await kill(child)
  const directory = openStateDirectory(stateDir, 'app')
  expect(directory.processId).toBe(processId)
  directory[Symbol.dispose]()
  expect(readdirSync(directory.path)).toEqual(['process-id'])
})

test('a lock whose process id was given to another process is taken over', () => {
  const path = join(stateDir, 'app')
  mkdirSync(path)
  writeFileSync(join(path, 'lock'), JSON.stringify({ pid: process.pid, started: 'long ago' }))
  using directory = openStateDirectory(stateDir, 'app')
  expect(directory.path).toBe(path)
})

test('a lock that cannot be read is taken over', () => {
  const path = join(stateDir, 'app')
  mkdirSync(path)
  writeFileSync(join(path, 'lock'), '')
  using directory = openStateDirectory(stateDir, 'app')
  expect(directory.path).toBe(path)
})

test('a place that cannot be a directory is said to be unusable', () => {
  const file = join(stateDir, 'file')
  writeFileSync(file, '')
  for (const place of [file, '/proc/millrace']) {
    const { code, message, hint } = failureOf(() => openStateDirectory(place, 'app'))
    expect(code).toBe('STATE_DIRECTORY_UNUSABLE')
    expect(message).toContain(place)
    expect(hint).toContain('--state-dir')
  }
})

test('a directory whose name cannot be written is not left locked', () => {
  mkdirSync(join(stateDir, 'app', 'process-id.new'), { recursive: true })
  expect(failureOf(() => openStateDirectory(stateDir, 'app')).code).toBe('STATE_DIRECTORY_UNUSABLE')
  rmSync(join(stateDir, 'app', 'process-id.new'), { recursive: true })
  using directory = openStateDirectory(stateDir, 'app')
  expect(directory.processId).toMatch(/^[0-9a-f-]{36}$/)
})

test('keeps the global stores of the threads that there are', () => {
  const path = join(stateDir, 'app')
  openStateDirectory(stateDir, 'app')[Symbol.dispose]()
  for (const name of ['global-0', 'global-1', 'global-2', '0_2']) mkdirSync(join(path, name))
  openStateDirectory(stateDir, 'app')[Symbol.dispose]()
  const stores = () =>
    readdirSync(path)
      .filter((name) => name !== 'process-id')
      .toSorted()
  expect(stores()).toEqual(['0_2', 'global-0', 'global-1', 'global-2'])
  openStateDirectory(stateDir, 'app', 2)[Symbol.dispose]()
  expect(stores()).toEqual(['0_2', 'global-0', 'global-1'])
})
