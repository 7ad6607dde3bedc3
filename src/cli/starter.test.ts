import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import ownTopology, { failed, payments, spending } from '../../topologies/starter/src/topology.ts'
import { starterFiles, writeStarter } from './starter.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-starter-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const textOf = (path: string): string =>
  starterFiles('tea-shop').find((file) => file.path === path)?.text ?? ''
const json = (text: string): Record<string, unknown> => JSON.parse(text) as Record<string, unknown>
const own = (path: string): string =>
  readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8')

const filesBelow = (path: string): readonly string[] =>
  readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(path.length + 1))
    .sort()

describe('a new service', () => {
  test('has all that a service needs, under its own name', () => {
    const files = starterFiles('tea-shop')
    expect(files.map(({ path }) => path)).toEqual([
      '.dockerignore',
      '.gitignore',
      'Dockerfile',
      'README.md',
      'dev/shop.ts',
      'docker-compose.yml',
      'package.json',
      'src/topology.test.ts',
      'src/topology.ts',
      'tsconfig.build.json',
      'tsconfig.json',
    ])
    expect(files.filter(({ text }) => text.includes('my-service'))).toEqual([])
    expect(json(textOf('package.json'))).toMatchObject({ name: 'tea-shop', private: true })
  })

  test('needs the versions that are tested here', () => {
    const { version, dependencies, devDependencies } = json(own('package.json'))
    const known = { ...(devDependencies as object), ...(dependencies as object) }
    const wanted = json(textOf('package.json'))
    expect(wanted['dependencies']).toEqual({ millrace: `^${version as string}` })
    expect(known).toMatchObject(wanted['devDependencies'] as object)
  })

  test('creates the topics of its topology wherever it creates topics', () => {
    const topics = [payments.name, spending.name, failed.name]
    const { services } = parse(own('topologies/starter/docker-compose.yml')) as {
      readonly services: Readonly<Record<string, { readonly command?: readonly string[] }>>
    }
    const words = ['topic', 'create', ...topics]
    expect(services['topics']?.command).toEqual([...words, '--partitions=4'])
    const { scripts } = json(own('topologies/starter/_package.json'))
    expect((scripts as Record<string, string>)['topics']).toBe(
      `millrace ${words.join(' ')} --partitions 4`,
    )
    expect(ownTopology.name).toBe('my-service')
  })
})

describe('writing it', () => {
  const files = starterFiles('tea-shop')
  const bad = (message: string) =>
    expect.objectContaining({
      code: 'INVALID_CONFIG',
      message: expect.stringContaining(message) as string,
    }) as Error

  test('makes the folder, and leaves alone what else is in one', () => {
    const target = join(folder, 'new/tea-shop')
    writeStarter(target, files, false)
    expect(filesBelow(target)).toEqual(files.map(({ path }) => path))

    const clone = join(folder, 'clone')
    mkdirSync(join(clone, '.git'), { recursive: true })
    writeFileSync(join(clone, 'LICENSE'), 'mine')
    writeStarter(clone, files, false)
    expect(readFileSync(join(clone, 'LICENSE'), 'utf8')).toBe('mine')
  })

  test('replaces nothing unless it may, and then only its own files', () => {
    const target = join(folder, 'existing')
    mkdirSync(target)
    for (const name of ['README.md', 'package.json', 'notes.txt']) {
      writeFileSync(join(target, name), 'mine')
    }
    expect(() => writeStarter(target, files, false)).toThrow(
      bad(`${target} has README.md, package.json already, and nothing was written`),
    )
    expect(filesBelow(target)).toEqual(['README.md', 'notes.txt', 'package.json'])
    writeStarter(target, files, true)
    expect(readFileSync(join(target, 'package.json'), 'utf8')).toBe(textOf('package.json'))
    expect(readFileSync(join(target, 'notes.txt'), 'utf8')).toBe('mine')
  })

  test('is refused where a file is in the way of a folder, or a folder of a file', () => {
    const file = join(folder, 'file')
    writeFileSync(file, '')
    expect(() => writeStarter(file, files, true)).toThrow(bad(`${file} is not a folder`))
    expect(() => writeStarter(join(file, 'below'), files, true)).toThrow(bad('cannot be written'))
    const target = join(folder, 'blocked')
    mkdirSync(join(target, 'package.json'), { recursive: true })
    expect(() => writeStarter(target, files, true)).toThrow(bad('package.json is a folder'))
    expect(filesBelow(target)).toEqual([])
  })
})

describe('a name', () => {
  test.each(['a', 'shop', 'tea-shop-2', 'x'.repeat(100)])('may be %s', (name) => {
    expect(starterFiles(name)).toHaveLength(11)
  })

  test.each([
    ['My Shop', 'for example --name my-shop'],
    ['9lives', 'for example --name lives'],
    ['shop_', 'for example --name shop'],
    ['@org/shop', 'for example --name org-shop'],
    ['a--b', 'for example --name a-b'],
    ['../shop', 'for example --name shop'],
    ['茶', 'Give it one with --name.'],
    ['', 'Give it one with --name.'],
    ['x'.repeat(101), `for example --name ${'x'.repeat(100)}`],
    ['millrace', 'for example --name millrace-service'],
    ['typescript', 'for example --name typescript-service'],
  ])('cannot be "%s", and the error says which could', (name, hint) => {
    expect(() => starterFiles(name)).toThrow(
      expect.objectContaining({
        code: 'INVALID_CONFIG',
        hint: expect.stringContaining(hint) as string,
      }) as Error,
    )
  })
})

test('create-millrace is of the same version, and runs that one', () => {
  const creator = json(own('src/cli/create-millrace/package.json'))
  const { version, license, engines } = json(own('package.json'))
  expect(creator).toMatchObject({ version, license, engines, dependencies: { millrace: version } })
})
