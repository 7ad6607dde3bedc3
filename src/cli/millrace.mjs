#!/usr/bin/env node
// Plain JavaScript, so that an old Node gets a sentence and not a syntax error.
import { existsSync } from 'node:fs'
import module from 'node:module'

const [major] = process.versions.node.split('.')
if (Number(major) < 24) {
  process.stderr.write(`millrace needs Node 24 or later, this is ${process.versions.node}\n`)
  process.exit(2)
}
const source = new URL('./main.ts', import.meta.url)
const isCheckout = existsSync(source)
const condition = '--conditions=millrace-source'
if (isCheckout && !process.execArgv.includes(condition) && process.execve !== undefined) {
  // In a checkout nothing is built, so topologies that import 'millrace' get its source. The same
  // process goes on with another command line: signals and exit code stay what they are.
  process.execve(process.execPath, [process.execPath, condition, ...process.argv.slice(1)])
}
// What an earlier start has compiled, topologies in TypeScript too, is not compiled again.
module.enableCompileCache()
const built = new URL('../../dist/cli/main.js', import.meta.url)
const { main } = await import(isCheckout ? source.href : built.href)
process.exitCode = await main(process.argv.slice(2))
