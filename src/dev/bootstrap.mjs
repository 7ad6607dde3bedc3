// @ts-check
// Makes a bare clone run, on any Node from 18 on: installs what package-lock.json lists when it is
// not there, Node 24 among it, and then runs the given program with that Node.
//
//   node src/dev/bootstrap.mjs [program.mjs [argument…]]
import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { withLock } from './lock.mjs'

const NODE_MAJOR = 24
const LOOK_MS = 500
const root = fileURLToPath(new URL('../..', import.meta.url))
const modules = join(root, 'node_modules')
const bundledNode = join(modules, '.bin', 'node')
const isNewNode = Number(process.versions.node.split('.')[0]) >= NODE_MAJOR

/** Npm keeps a second lock file of what it has installed, and writes it last. */
function isInstalled() {
  const installed = join(modules, '.package-lock.json')
  if (!existsSync(installed)) return false
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages
  const present = JSON.parse(readFileSync(installed, 'utf8')).packages
  return Object.keys(wanted).every(
    (path) =>
      path === '' || wanted[path].optional || present[path]?.version === wanted[path].version,
  )
}

/** @type {(file: string, args: string[], cwd: string) => Promise<number>} */
const run = (file, args, cwd) =>
  new Promise((resolve, reject) => {
    const child = spawn(file, args, { cwd, stdio: 'inherit' })
    // A Ctrl-C reaches the whole group: the program decides when it is done, and we outlive it.
    const wait = () => {}
    const forward = () => child.kill('SIGTERM')
    process.on('SIGINT', wait)
    process.on('SIGTERM', forward)
    // Killed, npm cannot tell us: nothing of what it has started should be in the way of the next.
    const parent = process.ppid
    const look = setInterval(() => {
      if (process.ppid === parent) return
      child.kill('SIGHUP')
      process.exit(1)
    }, LOOK_MS)
    const ended = () => {
      clearInterval(look)
      process.off('SIGINT', wait)
      process.off('SIGTERM', forward)
    }
    child.once('error', (error) => {
      ended()
      reject(error)
    })
    child.once('exit', (code, signal) => {
      ended()
      resolve(code ?? (signal === 'SIGINT' ? 130 : 1))
    })
  })

/**
 * Install scripts are not run: none is needed but that of the package `node`, which fetches the
 * binary for this system, and some of the others try to compile C++ first.
 */
async function install() {
  if (!isInstalled()) {
    process.stderr.write('installing dependencies (npm ci)\n')
    const quiet = ['--no-audit', '--no-fund', '--loglevel=error']
    const code = await run('npm', ['ci', '--ignore-scripts', ...quiet], root)
    if (code !== 0) throw new Error('"npm ci" failed; its messages are above')
  }
  if (isNewNode || existsSync(bundledNode)) return
  process.stderr.write(`installing Node ${NODE_MAJOR}\n`)
  const code = await run('npm', ['rebuild', 'node', '--loglevel=error'], root)
  if (code !== 0 || !existsSync(bundledNode)) {
    throw new Error(`Node ${NODE_MAJOR} could not be installed; install it by hand, or retry`)
  }
}

try {
  if (!isInstalled() || !(isNewNode || existsSync(bundledNode))) {
    await withLock(root, '.install', Infinity, install)
  }
  const [program, ...args] = process.argv.slice(2)
  if (program !== undefined) {
    const node = existsSync(bundledNode) ? bundledNode : process.execPath
    process.exitCode = await run(node, [program, ...args], process.cwd())
  }
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
