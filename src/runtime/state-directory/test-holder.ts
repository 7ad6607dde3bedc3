/** A process that works in a state directory until it is killed; for the tests of this folder. */
import { openStateDirectory } from './state-directory.ts'

const [stateDir = '', applicationId = ''] = process.argv.slice(2)
const directory = openStateDirectory(stateDir, applicationId)
process.stdout.write(`${directory.processId}\n`)
setInterval(() => {}, 60_000)
