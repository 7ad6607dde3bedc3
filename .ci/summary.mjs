// Adds up what vitest has reported: node .ci/summary.mjs <folder of JSON reports> <exit code>
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const [folder, exitCode] = process.argv.slice(2)
const reports = readdirSync(folder).map((file) =>
  JSON.parse(readFileSync(join(folder, file), 'utf8')),
)
const sum = (count) => reports.reduce((total, report) => total + count(report), 0)

// A file that cannot be loaded has no tests, and has failed all the same.
const brokenFiles = (report) =>
  report.testResults.filter(
    ({ status, assertionResults }) => status === 'failed' && assertionResults.length === 0,
  ).length

const passed = sum((report) => report.numPassedTests)
const skipped = sum((report) => report.numPendingTests + report.numTodoTests)
let failed = sum((report) => report.numFailedTests + brokenFiles(report))
if (skipped > 0) console.log(`${skipped} skipped`)
if (failed === 0 && exitCode !== '0') {
  console.log(`"npm test" ended with ${exitCode} for another reason than a test, see above`)
  failed = 1
}
console.log(`${passed} passed, ${failed} failed`)
