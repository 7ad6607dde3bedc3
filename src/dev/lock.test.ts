import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { withLock } from './lock.mjs'

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-lock-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  return folder
}

test('work under one lock never overlaps, whoever does it', async () => {
  const folder = await newFolder()
  let inside = 0
  let insideMax = 0
  const work = async (): Promise<void> => {
    inside += 1
    insideMax = Math.max(insideMax, inside)
    await readdir(folder)
    inside -= 1
  }
  await Promise.all(Array.from({ length: 8 }, () => withLock(folder, 'a', Infinity, work)))
  expect(insideMax).toBe(1)
  expect(await readdir(folder)).toEqual([])
})

test('the lock of a process that died is no obstacle, and is cleared away', async () => {
  const folder = await newFolder()
  // No process has this number: Linux and macOS give out smaller ones.
  await writeFile(join(folder, 'a.lock.2147483646.abc'), '')
  expect(await withLock(folder, 'a', Infinity, () => readdir(folder))).toHaveLength(1)
  expect(await readdir(folder)).toEqual([])
})

test('work that throws releases the lock', async () => {
  const folder = await newFolder()
  const failing = withLock(folder, 'a', Infinity, () => Promise.reject(new Error('no')))
  await expect(failing).rejects.toThrow('no')
  expect(await withLock(folder, 'a', Infinity, () => Promise.resolve('done'))).toBe('done')
})

test('with its patience at an end the work runs without the lock', async () => {
  const folder = await newFolder()
  const result = await withLock(folder, 'a', Infinity, () =>
    withLock(folder, 'a', 0, () => Promise.resolve('done')),
  )
  expect(result).toBe('done')
})

test('locks of other names do not matter', async () => {
  const folder = await newFolder()
  const result = await withLock(folder, 'a', Infinity, () =>
    withLock(folder, 'b', Infinity, () => Promise.resolve('done')),
  )
  expect(result).toBe('done')
})
