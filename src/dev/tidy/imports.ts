import { posix } from 'node:path'
import { blanked, type SourceFile } from './source.ts'

/** One file's use of another, or of a package. */
export interface Import {
  readonly from: string
  /** A path from the root for a file of ours, else the package's specifier. */
  readonly to: string
  /** `type` leaves no trace at run time; `late` is loaded when asked for: neither makes a cycle. */
  readonly kind: 'value' | 'type' | 'late'
}

const CLAUSE = String.raw`(?:(?!\b(?:import|export)\b)[\w\s{},*$])*?`
const FROM = new RegExp(String.raw`\b(?:import|export)\s+(${CLAUSE})\bfrom\s*(['"])`, 'g')
const BARE = /\bimport\s*(['"])/g
const LATE = /\b(?:import|import\.meta\.resolve|moduleUrl|new URL)\(\s*(['"])/g

export function importsOf(file: SourceFile): readonly Import[] {
  const code = blanked(file.text)
  const found: Import[] = []
  const add = (match: RegExpExecArray, kind: Import['kind']): void => {
    const start = match.index + match[0].length
    const end = code.indexOf(match.at(-1) as string, start)
    found.push({ from: file.path, to: resolved(file.path, file.text.slice(start, end)), kind })
  }
  for (const match of code.matchAll(FROM))
    add(match, isTypeClause(match[1] ?? '') ? 'type' : 'value')
  for (const match of code.matchAll(BARE)) add(match, 'value')
  for (const match of code.matchAll(LATE)) add(match, 'late')
  return found
}

/** `type A` or `{ type A, type B }`. */
function isTypeClause(clause: string): boolean {
  if (/^type\s/.test(clause)) return true
  const names = /^\{([^}]*)\}\s*$/.exec(clause)?.[1]?.split(',') ?? []
  const given = names.map((name) => name.trim()).filter((name) => name !== '')
  return given.length > 0 && given.every((name) => name.startsWith('type '))
}

/** `moduleUrl('./worker', …)` names a sibling without its ending. */
function resolved(from: string, specifier: string): string {
  if (!specifier.startsWith('.')) return specifier
  const path = posix.join(posix.dirname(from), specifier)
  return /\.[a-z]+$/.test(path) ? path : `${path}.ts`
}
