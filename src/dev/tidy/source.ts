import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** A file of the house: its path from the root, with slashes, and what is in it. */
export interface SourceFile {
  readonly path: string
  readonly text: string
}

const SKIPPED = new Set(['node_modules', 'dist', '.git', '.millrace'])

/** Every file below `root` whose name ends in one of `endings`. */
export function filesBelow(root: string, endings: readonly string[]): readonly SourceFile[] {
  const found: SourceFile[] = []
  const visit = (folder: string): void => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      if (SKIPPED.has(entry.name)) continue
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`
      if (entry.isDirectory()) visit(path)
      else if (endings.some((ending) => path.endsWith(ending))) {
        found.push({ path, text: readFileSync(join(root, path), 'utf8') })
      }
    }
  }
  visit('')
  return found
}

/** Tests and what only tests use: exempt from the rules for what ships. */
export const isTest = (path: string): boolean =>
  /\.(test|contract|fixtures?)(\.[\w-]+)?\.ts$/.test(path) ||
  /\/test-[\w-]+\.ts$/.test(path) ||
  path.startsWith('src/dev/tidy/') ||
  path.startsWith('src/testing/simulator/') ||
  path.includes('/oracle/') ||
  path.startsWith('integration-tests/')

/**
 * The code with comments, and the inside of texts and regular expressions, replaced by spaces of
 * the same length: what is left can be searched without being fooled by a word in a comment, and
 * an offset found in it is an offset in the text.
 */
export function blanked(text: string): string {
  let code = ''
  const nesting: string[] = [] // of braces: '{' of code, '`' of a template that we shall return to
  const take = (pattern: RegExp): string => {
    pattern.lastIndex = code.length
    return pattern.exec(text)?.[0] ?? ''
  }
  const blank = (from: string): string => from.replace(/[^\n]/g, ' ')
  const template = (): void => {
    const inside = take(/(?:[^`\\$]|\\[^]|\$(?!\{))*/y)
    code += blank(inside)
    const end = text.startsWith('${', code.length) ? '${' : '`'
    if (end === '${') nesting.push('`')
    code += end
  }
  while (code.length < text.length) {
    const char = text[code.length] as string
    const comment = take(/\/\/[^\n]*|\/\*[^]*?\*\//y)
    const quoted = take(/'(?:[^'\\\n]|\\[^])*'|"(?:[^"\\\n]|\\[^])*"/y)
    if (comment !== '') code += blank(comment)
    else if (quoted !== '') code += quoted[0] + blank(quoted.slice(1, -1)) + quoted[0]
    else if (char === '/' && startsRegExp(code)) {
      code += blank(take(/\/(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/y) || char)
    } else if (char === '`') {
      code += char
      template()
    } else if (char === '}' && nesting.pop() === '`') {
      code += char
      template()
    } else {
      if (char === '{') nesting.push(char)
      code += char
    }
  }
  return code
}

/** After a value a slash divides; anywhere else it opens a regular expression. */
const startsRegExp = (before: string): boolean =>
  /(?:^|[(,=:[!&|?{};+\-*%~^<>]|\b(?:return|typeof|case|in|of|yield|await))\s*$/.test(
    before.slice(-200),
  )
