import { posix } from 'node:path'
import type { SourceFile } from './source.ts'

/** Without fenced and inline code, which may look like anything. */
const prose = (markdown: string): string =>
  markdown.replace(/^(```+|~~~+)[^]*?^\1/gm, '').replace(/`[^`\n]*`/g, '')

export const headings = (markdown: string, level: number): readonly string[] =>
  markdown
    .replace(/^(```+|~~~+)[^]*?^\1/gm, '')
    .split('\n')
    .filter((line) => line.startsWith(`${'#'.repeat(level)} `))
    .map((line) => line.slice(level + 1).trim())

export const withoutOneTitle = (documents: readonly SourceFile[]): readonly string[] =>
  documents.flatMap((document) => {
    const count = headings(document.text, 1).length
    return count === 1 ? [] : [`${document.path} has ${count} headings of the first level`]
  })

/** Relative links to nothing, and links to a heading that is not there. */
export const deadLinks = (
  documents: readonly SourceFile[],
  exists: (path: string) => boolean,
): readonly string[] =>
  documents.flatMap((document) =>
    [...prose(document.text).matchAll(/\]\(([^)\s]+)(?:\s[^)]*)?\)/g)].flatMap((match) => {
      const link = match[1] as string
      if (/^[a-z]+:/.test(link)) return []
      const [path = '', anchor] = link.split('#')
      const target =
        path === ''
          ? document.path
          : posix.normalize(posix.join(posix.dirname(document.path), path))
      const dead = [`${document.path} links to ${link}, which is not there`]
      if (!exists(target)) return dead
      const page = documents.find((each) => each.path === target)
      if (anchor === undefined || page === undefined) return []
      return anchorsOf(page.text).includes(anchor) ? [] : dead
    }),
  )

const anchorsOf = (markdown: string): readonly string[] =>
  [1, 2, 3, 4, 5, 6].flatMap((level) =>
    headings(markdown, level).map((heading) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  )

/** Codes without a page entry, and entries without a code. */
export function undocumented(codes: readonly string[], page: string): readonly string[] {
  const entries = headings(page, 2).map((heading) => heading.replaceAll('`', ''))
  return [
    ...codes.filter((code) => !entries.includes(code)).map((code) => `${code} has no entry`),
    ...entries.filter((entry) => !codes.includes(entry)).map((entry) => `${entry} is no code`),
  ]
}
