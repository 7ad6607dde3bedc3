import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { StreamsError } from '../core/errors.ts'
import type { CommandLine } from './command-line.ts'

/** The URL of the topology module that a command names first. */
export function topologyModule(line: CommandLine): string {
  const [path = ''] = line.operands
  const file = resolve(path)
  const found = statSync(file, { throwIfNoEntry: false })
  if (found?.isFile() === true) return pathToFileURL(file).href
  throw new StreamsError('INVALID_TOPOLOGY', {
    message: found === undefined ? `there is no file ${path}` : `${path} is not a file`,
    hint: 'Give the path of a module whose default export is a topology.',
  })
}
