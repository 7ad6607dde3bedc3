/** The house tests itself: docs/ARCHITECTURE.md and the house rules, read off the tree. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { errorCodes } from './core/errors.ts'
import { deadLinks, undocumented, withoutOneTitle } from './dev/tidy/documents.ts'
import { cycles, orphans } from './dev/tidy/import-graph.ts'
import { importsOf } from './dev/tidy/imports.ts'
import { brokenArrows } from './dev/tidy/rooms.ts'
import { filesBelow, isTest } from './dev/tidy/source.ts'
import {
  longFiles,
  longLines,
  silencedTests,
  unfinishedNotes,
  wordsOutsideTheirDoor,
} from './dev/tidy/text-rules.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const code = filesBelow(root, ['.ts', '.mjs'])
const documents = filesBelow(root, ['.md'])
const imports = code.flatMap(importsOf)

/** What is run or imported from outside; everything else must be led to from here. */
const isEntry = (path: string): boolean =>
  !path.startsWith('src/') ||
  isTest(path) ||
  path.endsWith('.d.ts') ||
  /^src\/cli\/(millrace|create-millrace\/create-millrace)\.mjs$/.test(path) ||
  ['src/index.ts', 'src/testing/index.ts', 'src/dev/bootstrap.mjs'].includes(path)

describe('code', () => {
  test('is imported along the arrows of the architecture', () => {
    expect(brokenArrows(imports)).toEqual([])
  })

  test('has no import cycle', () => {
    expect(cycles(imports)).toEqual([])
  })

  test('has no file that nothing leads to', () => {
    const shipped = code.filter((file) => !isTest(file.path)).map((file) => file.path)
    const paths = imports.filter((each) => !isTest(each.from))
    expect(orphans(shipped, paths, isEntry)).toEqual([])
  })

  test('comes in short files of short lines', () => {
    expect([...longFiles(code), ...longLines(code)]).toEqual([])
  })

  test('meets time, chance and the outside at one door each', () => {
    expect(wordsOutsideTheirDoor(code)).toEqual([])
  })

  test('has no test that is silenced without a reason', () => {
    expect(silencedTests(code)).toEqual([])
  })

  test('and documents have no unfinished notes', () => {
    expect(unfinishedNotes([...code, ...documents])).toEqual([])
  })
})

describe('documents', () => {
  test('have one title each', () => {
    expect(withoutOneTitle(documents)).toEqual([])
  })

  test('have no dead links', () => {
    expect(deadLinks(documents, (path) => existsSync(join(root, path)))).toEqual([])
  })

  test('explain every error code, and no other', () => {
    const page = documents.find((each) => each.path === 'docs/errors.md')
    expect(undocumented(errorCodes, page?.text ?? '')).toEqual([])
  })
})
