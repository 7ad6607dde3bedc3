/**
 * Does Millrace give what the real thing gave? Runs every fixture below the folders.
 *
 *     npm run oracle -- FOLDER [FOLDER …]
 */
import { existsSync, readdirSync, statSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { checkFixture } from './check-fixture.ts'

const say = (line: string): void => void process.stdout.write(`${line}\n`)

/** Every fixture at or below a path, in the order of names. */
function fixturesBelow(path: string): readonly string[] {
  if (!statSync(path).isDirectory()) return [path]
  const entries = readdirSync(path, { withFileTypes: true }).toSorted((left, right) =>
    left.name < right.name ? -1 : 1,
  )
  return entries.flatMap((entry) => {
    if (entry.isDirectory()) return fixturesBelow(join(path, entry.name))
    return entry.name.endsWith('.json') ? [join(path, entry.name)] : []
  })
}

// npm runs in the package's folder; who calls it may be in another one.
const calledFrom = process.env['INIT_CWD'] ?? process.cwd()
const folders = process.argv.slice(2).map((folder) => resolve(calledFrom, folder))
const missing = folders.filter((folder) => !existsSync(folder))
if (folders.length === 0 || missing.length > 0) {
  for (const folder of missing) say(`there is no ${folder}`)
  say('Say where the fixtures are: npm run oracle -- FOLDER')
  process.exit(2)
}

const files = folders.flatMap(fixturesBelow)
const counts = { passed: 0, failed: 0, 'not run': 0 }
for (const file of files) {
  const verdict = await checkFixture(file)
  counts[verdict.result] += 1
  if (verdict.result === 'passed') continue
  say(`${verdict.result} ${basename(file, '.json')}: ${verdict.reason}`)
}
if (counts['not run'] > 0) say(`${counts['not run']} not run, for the reasons above`)
if (files.length === 0) say('there is no fixture there')
say(`${counts.passed} passed, ${counts.failed} failed`)
process.exitCode = counts.failed > 0 || counts.passed === 0 ? 1 : 0
