/** Each rule of the house fires on what it forbids, and lets good code be. */
import { describe, expect, test } from 'vitest'
import { deadLinks, undocumented, withoutOneTitle } from './documents.ts'
import { cycles, orphans } from './import-graph.ts'
import { importsOf } from './imports.ts'
import { brokenArrows, roomOf } from './rooms.ts'
import { blanked, isTest } from './source.ts'
import {
  longFiles,
  longLines,
  silencedTests,
  unfinishedNotes,
  wordsOutsideTheirDoor,
} from './text-rules.ts'

const file = (path: string, text: string) => ({ path, text })
const arrows = (path: string, text: string) => brokenArrows(importsOf(file(path, text)))

describe('blanked code', () => {
  test.each([
    ["a('b // c') // d", "a('      ')     "],
    ['a("\\"b") /* c\nd */ e', 'a("   ")     \n     e'],
    ['`a ${b + `c ${d}`} e` f', '`  ${b + `  ${d}`}  ` f'],
    ["x.replace(/['/]/g, y) / 2 / z", 'x.replace(       , y) / 2 / z'],
    ["{ a: { b: '}' } }", "{ a: { b: ' ' } }"],
  ])('keeps the code of %s', (text, code) => {
    expect(blanked(text)).toBe(code)
  })
})

describe('imports', () => {
  test('are found in every form, and in no comment or text', () => {
    const text = `
      import a from './a.ts'
      import { type B, type C } from '../b.ts'
      import type { D } from 'd/sub'
      export const e = 1
      import {
        f,
        type G,
      } from "./f.ts"
      import 'side-effect'
      export * from './g.ts'
      // import h from './h.ts'
      const text = "import i from './i.ts'"
      const j = await import('./j.ts')
      const worker = moduleUrl('./worker', import.meta.url)
    `
    const found = importsOf(file('src/x/y.ts', text)).map(({ to, kind }) => [to, kind])
    expect(found).toEqual([
      ['src/x/a.ts', 'value'],
      ['src/b.ts', 'type'],
      ['d/sub', 'type'],
      ['src/x/f.ts', 'value'],
      ['src/x/g.ts', 'value'],
      ['side-effect', 'value'],
      ['src/x/j.ts', 'late'],
      ['src/x/worker.ts', 'late'],
    ])
  })
})

describe('the arrows between rooms', () => {
  test.each([
    ['src/core/clock.ts', 'core'],
    ['src/kafka/port.ts', 'kafka'],
    ['src/kafka/wire/lz4.ts', 'kafka/wire'],
    ['src/kafka/kafkajs/requests/fetch.ts', 'kafka/kafkajs'],
    ['src/state/store.ts', 'state'],
    ['src/operators/join/window.ts', 'operators'],
    ['src/index.ts', 'index'],
    ['src/tidy.test.ts', undefined],
    ['benchmarks/run.ts', undefined],
  ])('%s is in room %s', (path, room) => {
    expect(roomOf(path)).toBe(room)
  })

  test.each([
    ['src/core/a.ts', "import { b } from '../serde/b.ts'"],
    ['src/dsl/a.ts', "import type { B } from '../runtime/b.ts'"],
    ['src/operators/a.ts', "import { b } from '../kafka/port.ts'"],
    ['src/runtime/a.ts', "import { b } from '../kafka/kafkajs/b.ts'"],
    ['src/kafka/memory/a.ts', "import { b } from '../client/b.ts'"],
    ['src/app/a.ts', "import { b } from '../testing/b.ts'"],
    ['src/cli/a.ts', "const b = await import('../runtime/b.ts')"],
    ['src/newcomer/a.ts', "import { b } from '../core/b.ts'"],
    ['src/kafka/client/a.ts', "import { Kafka } from 'kafkajs'"],
    ['src/kafka/client/a.ts', "import connection from 'kafkajs/src/network/connection.js'"],
    ['src/state/memory/a.ts', "import { open } from 'lmdb'"],
  ])('%s may not say %s', (path, text) => {
    expect(arrows(path, text)).not.toEqual([])
  })

  test.each([
    ['src/operators/a.ts', "import { b } from '../state/store.ts'"],
    ['src/kafka/client/a.ts', "import { b } from '../wire/b.ts'"],
    ['src/runtime/a.ts', "import { b } from '../state/lmdb/b.ts'"],
    ['src/app/a.ts', "import { b } from '../kafka/kafkajs/b.ts'"],
    ['src/kafka/kafkajs/a.ts', "import { Kafka } from 'kafkajs'"],
    ['src/state/lmdb/a.ts', "import { open } from 'lmdb'"],
    ['src/core/a.test.ts', "import { b } from '../kafka/memory/b.ts'"],
    ['topologies/orders.ts', "import { topology } from '../src/index.ts'"],
  ])('%s may say %s', (path, text) => {
    expect(arrows(path, text)).toEqual([])
  })
})

describe('the graph of imports', () => {
  const uses = (from: string, to: string, kind: 'value' | 'type' | 'late' = 'value') => ({
    from,
    to,
    kind,
  })

  test('has a cycle where modules wait for one another', () => {
    const imports = [uses('a', 'b'), uses('b', 'c'), uses('c', 'b'), uses('c', 'd')]
    expect(cycles(imports)).toEqual(['b → c → b'])
  })

  test('has none where one of them only names a type, or loads later', () => {
    expect(cycles([uses('a', 'b'), uses('b', 'a', 'type')])).toEqual([])
    expect(cycles([uses('a', 'b'), uses('b', 'a', 'late')])).toEqual([])
  })

  test('has an orphan where no entry leads', () => {
    const files = ['main', 'used', 'deep', 'orphan', 'child-of-orphan']
    const imports = [
      uses('main', 'used', 'late'),
      uses('used', 'deep', 'type'),
      uses('orphan', 'child-of-orphan'),
    ]
    const found = orphans(files, imports, (path) => path === 'main')
    expect(found).toEqual(['orphan', 'child-of-orphan'])
  })
})

describe('text', () => {
  const lines = (count: number): string => 'a\n'.repeat(count)

  test('of more than 400 lines, or 80 at the front door, is too long', () => {
    expect(longFiles([file('src/core/a.ts', lines(400)), file('src/index.ts', lines(80))])).toEqual(
      [],
    )
    expect(longFiles([file('src/core/a.ts', lines(401))])).toHaveLength(1)
    expect(longFiles([file('src/index.ts', lines(81))])).toHaveLength(1)
  })

  test('has 100 columns, where it is not a text that cannot be broken', () => {
    const wide = 'x'.repeat(90)
    const columns = (text: string) => longLines([file('a.ts', text)])
    expect(columns(`// ${wide} ${wide}`)).toEqual(['a.ts:1 has 184 columns'])
    expect(columns(`\n${wide} = ${wide}\n`)).toEqual(['a.ts:2 has 183 columns'])
    expect(columns(`  hint: '${wide}${wide}',`)).toEqual([])
    expect(columns(`  message: \`${wide}\${a}${wide}\`,`)).toEqual([])
  })

  test.each([
    ['src/core/a.ts', 'const now = Date.now()'],
    ['src/core/a.ts', 'const now = new Date()'],
    ['src/core/a.ts', 'if (Math.random() > 0.5) return'],
    ['src/app/a.ts', "const home = process.env['HOME']"],
    ['src/app/a.ts', 'console.log(1)'],
    ['src/runtime/a.ts', 'setTimeout(tick, 1)'],
    ['src/dev/a.ts', "import { setTimeout } from 'node:timers/promises'"],
  ])('%s may not say %s', (path, text) => {
    expect(wordsOutsideTheirDoor([file(path, text)])).toHaveLength(1)
  })

  test.each([
    ['src/core/clock.ts', 'const now = Date.now()'],
    ['src/core/a.ts', '// never Date.now()'],
    ['src/core/a.ts', "const hint = 'set process.env.HOME'"],
    ['src/core/a.ts', 'socket.setTimeout(100)'],
    ['src/core/a.test.ts', 'setTimeout(tick, 1)'],
    ['benchmarks/run.ts', 'console.log(1)'],
  ])('%s may say %s', (path, text) => {
    expect(wordsOutsideTheirDoor([file(path, text)])).toEqual([])
  })

  test('may not leave work unfinished', () => {
    const note = ['// TO', 'DO: later'].join('')
    expect(unfinishedNotes([file('a.ts', `a\n${note}`)])).toHaveLength(1)
  })

  test('may not silence a test without a reason', () => {
    const reason = '// Needs /proc.\n'
    expect(silencedTests([file('a.test.ts', "test.only('a', b)")])).toHaveLength(1)
    expect(silencedTests([file('a.test.ts', "test.skip('a', b)")])).toHaveLength(1)
    expect(silencedTests([file('a.test.ts', "describe.each([1]).only('a', b)")])).toHaveLength(1)
    expect(silencedTests([file('a.test.ts', `${reason}test.only('a', b)`)])).toHaveLength(1)
    expect(silencedTests([file('a.test.ts', `${reason}test.skipIf(c)('a', b)`)])).toEqual([])
    expect(silencedTests([file('a.test.ts', "test('never test.only', () => {})")])).toEqual([])
  })
})

describe('documents', () => {
  test('have exactly one title', () => {
    expect(withoutOneTitle([file('a.md', '# A\n## B\n```sh\n# comment\n```\n')])).toEqual([])
    expect(withoutOneTitle([file('a.md', '## A\n')])).toHaveLength(1)
    expect(withoutOneTitle([file('a.md', '# A\n# B\n')])).toHaveLength(1)
  })

  test('link to files and headings that exist', () => {
    const guide = file('docs/guide/a.md', '# A\n\n## How it works, in short\n')
    const links = (text: string) =>
      deadLinks([file('docs/b.md', text), guide], (path) => path === guide.path)
    expect(links('[a](guide/a.md), [x](https://example.org/), `[y](z.md)`')).toEqual([])
    expect(links('[a](guide/a.md#how-it-works-in-short)')).toEqual([])
    expect(links('[a](guide/b.md)')).toHaveLength(1)
    expect(links('[a](../a.md "title")')).toHaveLength(1)
    expect(links('[a](guide/a.md#missing)')).toHaveLength(1)
  })

  test('explain the error codes there are', () => {
    expect(undocumented(['A_B'], '# Errors\n\n## A_B\n')).toEqual([])
    expect(undocumented(['A_B', 'C_D'], '## `A_B`\n\n## E_F\n')).toEqual([
      'C_D has no entry',
      'E_F is no code',
    ])
  })
})

test('tests and what they lean on are told from code that ships', () => {
  const tests = ['src/a.test.ts', 'src/a.contract.ts', 'src/a.fixture.ts', 'src/dev/tidy/a.ts']
  const shipped = ['src/a.ts', 'src/testing/driver.ts', 'src/dev/kafka.ts']
  expect([...tests, ...shipped].filter(isTest)).toEqual(tests)
})
