import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { messageOf, StreamsError, type ErrorCode } from '../core/errors.ts'

/** Why a module cannot be imported, where in it, and what to do. */
export function loadFailure(
  url: string,
  cause: unknown,
  code: ErrorCode = 'INVALID_TOPOLOGY',
): StreamsError {
  const place = placeIn(cause)
  const [reason] = messageOf(cause).split('\n')
  return new StreamsError(code, {
    message: `${modulePath(url)} cannot be loaded: ${reason}${place === undefined ? '' : ` (${place})`}`,
    hint: hintFor(cause, reason ?? ''),
    cause,
  })
}

/** Node's codes for what goes wrong before the first line of a module runs. */
function hintFor(cause: unknown, reason: string): string {
  const { code } = cause as { readonly code?: unknown }
  switch (code) {
    case 'ERR_INVALID_TYPESCRIPT_SYNTAX':
      return 'Correct the line; `npx tsc --noEmit` says more.'
    case 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX':
      return 'Node runs TypeScript by leaving the types out: enums, namespaces and parameter properties have to be written in another way.'
    case 'ERR_UNSUPPORTED_NODE_MODULES_TYPE_STRIPPING':
      return 'Node runs no TypeScript below node_modules: import what the package has compiled.'
    case 'ERR_MODULE_NOT_FOUND': {
      const [, name] = /^Cannot find package '([^']+)'/.exec(reason) ?? []
      return name === undefined
        ? "Check the import: it names the file with its ending, './model.ts' for example."
        : `Install it: \`npm install ${name}\`.`
    }
    case undefined:
    default:
      return reason.includes('import statement outside a module')
        ? 'Make the package one of ES modules: `npm pkg set type=module`.'
        : 'Correct the module: `--verbose` shows the whole trace.'
  }
}

/** A file as a person names it: from the current folder, where it is below it. */
export function modulePath(url: string): string {
  if (!url.startsWith('file:')) return url
  const path = fileURLToPath(url)
  const near = relative(process.cwd(), path)
  return near === '' || near.startsWith('..') ? path : near
}

const ourCode = new URL('..', import.meta.url).href

/** `file:line`, the innermost place of an error that is in somebody else's module than ours. */
export function placeIn(error: unknown): string | undefined {
  if (!(error instanceof Error) || error.stack === undefined) return undefined
  for (const [, url, line] of error.stack.matchAll(
    /(file:\/\/[^\s()]+?):(\d+)(?::\d+)?(?=\)?$)/gm,
  )) {
    if (url?.startsWith(ourCode) === false) return `${modulePath(url)}:${line}`
  }
  return undefined
}
