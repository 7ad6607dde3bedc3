import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { StreamsError } from '../core/errors.ts'
import { badUsage, type CommandLine } from './command-line.ts'

/** The URL of the topology module that a command names first. */
export function topologyModule(line: CommandLine): string {
  const [path] = line.positionals
  if (path === undefined) throw badUsage('name the module of a topology')
  const file = resolve(path)
  if (existsSync(file)) return pathToFileURL(file).href
  throw new StreamsError('INVALID_TOPOLOGY', {
    message: `there is no file ${path}`,
    hint: 'Give the path of a module whose default export is a topology.',
  })
}
