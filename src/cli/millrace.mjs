#!/usr/bin/env node
// Plain JavaScript, so that an old Node gets a sentence and not a syntax error.
import { existsSync } from 'node:fs'

const [major] = process.versions.node.split('.')
if (Number(major) < 24) {
  process.stderr.write(`millrace needs Node 24 or later, this is ${process.versions.node}\n`)
  process.exit(2)
}
// In the package this file lies beside `dist`; in a checkout the source is run as it is.
const built = new URL('../../dist/cli/main.js', import.meta.url)
const source = new URL('./main.ts', import.meta.url)
const { main } = await import(existsSync(source) ? source.href : built.href)
process.exitCode = await main(process.argv.slice(2))
