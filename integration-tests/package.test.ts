/** The packed package, as the two tools see it that know how packages go wrong. */
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { repository, start, type Finished } from './support/millrace-command.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-package-'))
const env = { PATH: [dirname(process.execPath), process.env['PATH']].join(delimiter) }
let archive = ''
/** Whoever installs it waits for all of it. */
const ARCHIVE_BYTES_MAX = 3 * 1024 * 1024

beforeAll(async () => {
  const packed = await start('npm', ['pack', '--silent', '--pack-destination', folder], { env })
    .finished
  if (packed.code !== 0) throw new Error(packed.stderr)
  archive = join(folder, readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? '')
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const tool = (name: string, ...args: readonly string[]): Promise<Finished> =>
  start(join(repository, 'node_modules/.bin', name), args, { env }).finished

const creator = join(repository, 'src/cli/create-millrace')

test.each(['millrace', 'create-millrace'])('publint has nothing to say: %s', async (name) => {
  const target = name === 'millrace' ? archive : creator
  const { code, stdout } = await tool('publint', 'run', target, '--strict')
  expect(stdout).toContain('All good!')
  expect(code).toBe(0)
})

test('its types are found wherever ES modules are', async () => {
  const { code, stdout } = await tool('attw', archive, '--profile', 'esm-only')
  expect({ code, said: stdout }).toEqual({
    code: 0,
    said: expect.stringContaining('(ESM)') as string,
  })
})

test('it holds no tests, and every file in it is needed', async () => {
  const listed = await start('tar', ['-tzf', archive], { env }).finished
  const all = listed.stdout.split('\n').map((line) => line.replace(/^package\//, ''))
  // `millrace init` writes these, its test among them.
  const starter = 'topologies/starter/'
  expect(all).toContain(`${starter}src/topology.test.ts`)
  const files = all.filter((file) => !file.startsWith(starter))
  const needed = ['dist/index.js', 'dist/index.js.map', 'dist/index.d.ts', 'docs/openapi.json']
  expect(files).toEqual(expect.arrayContaining(needed))
  expect(statSync(archive).size).toBeLessThan(ARCHIVE_BYTES_MAX)
  expect(files.filter((file) => /\.(test|fixtures?|contract)\./.test(file))).toEqual([])
  const folders = new Set(files.map((file) => file.split('/')[0]))
  const known = ['package.json', 'README.md', 'LICENSE', 'CHANGELOG.md', 'dist', 'docs', 'src', '']
  expect([...folders].filter((name) => !known.includes(name ?? ''))).toEqual([])
})
