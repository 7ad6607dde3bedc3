#!/usr/bin/env node
// `npm create millrace DIR` is `millrace init DIR` of the same version.
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

process.argv.splice(2, 0, 'init')
const millrace = pathToFileURL(createRequire(import.meta.url).resolve('millrace'))
await import(new URL('../src/cli/millrace.mjs', millrace).href)
