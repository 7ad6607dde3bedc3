import { readFileSync } from 'node:fs'
import { firstCepDifference, unlikeFlink } from './cep/check-cep.ts'
import { isCepFixture } from './cep/fixture.ts'
import { familyOf, unsayable } from './families.ts'
import { isFixture } from './fixture.ts'
import { firstDifference, runFixture } from './run-fixture.ts'

/** What came of a fixture; `reason` is a line. */
export type Verdict =
  | { readonly result: 'passed' }
  | { readonly result: 'failed'; readonly reason: string }
  | { readonly result: 'not run'; readonly reason: string }

const failed = (reason: string): Verdict => ({ result: 'failed', reason })

/** Runs the fixture of a file, whatever kind it is of. */
export async function checkFixture(path: string): Promise<Verdict> {
  try {
    const fixture: unknown = JSON.parse(readFileSync(path, 'utf8'))
    if (typeof fixture !== 'object' || fixture === null) return failed('this is no fixture')
    if (isFixture(fixture)) {
      const { family } = fixture
      const impossible = Object.hasOwn(unsayable, family) ? unsayable[family] : undefined
      if (impossible !== undefined) return { result: 'not run', reason: impossible }
      const build = familyOf(family)
      if (build === undefined) return failed(`nobody builds the family "${family}"`)
      return verdictOf(firstDifference(fixture, await runFixture(fixture, build)))
    }
    if (isCepFixture(fixture)) {
      const reason = unlikeFlink(fixture)
      if (reason !== undefined) return { result: 'not run', reason }
      return verdictOf(await firstCepDifference(fixture))
    }
    return failed('this is no fixture of a kind that is known')
  } catch (error) {
    return failed(String(error).split('\n')[0] ?? '')
  }
}

const verdictOf = (difference: string | undefined): Verdict =>
  difference === undefined ? { result: 'passed' } : failed(difference)
