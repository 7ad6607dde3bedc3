import { blanked, isTest, type SourceFile } from './source.ts'

export const FILE_LINES_MAX = 400
export const FRONT_DOOR_LINES_MAX = 80
export const LINE_COLUMNS_MAX = 100

const linesOf = (file: SourceFile): readonly string[] => file.text.replace(/\n$/, '').split('\n')

export const longFiles = (files: readonly SourceFile[]): readonly string[] =>
  files.flatMap((file) => {
    const max = file.path === 'src/index.ts' ? FRONT_DOOR_LINES_MAX : FILE_LINES_MAX
    const lines = linesOf(file).length
    return lines > max ? [`${file.path} has ${lines} lines, ${max} are enough`] : []
  })

/** A text may stick out, for breaking it in two makes it worse to read and to search for. */
export const longLines = (files: readonly SourceFile[]): readonly string[] =>
  files.flatMap((file) => {
    const code = blanked(file.text).split('\n')
    return linesOf(file).flatMap((line, i) => {
      const isComment = /^\s*(\/\/|\/?\*)/.test(line)
      const counted = isComment ? line : withoutTexts(code[i] as string)
      return counted.length > LINE_COLUMNS_MAX
        ? [`${file.path}:${i + 1} has ${line.length} columns`]
        : []
    })
  })

const withoutTexts = (blankedLine: string): string =>
  blankedLine.replace(/(?<=['"`}]) +(?=['"`]|\$\{)/g, '').trimEnd()

/**
 * Time, chance and the outside come in by the door, so that a run can be repeated: each word, and
 * the files that may say it.
 */
const doors: readonly { readonly word: RegExp; readonly files: readonly string[] }[] = [
  { word: /\bDate\.now\b|\bnew Date\(\)/g, files: ['src/core/clock.ts'] },
  { word: /\bMath\.random\b/g, files: ['src/core/random.ts'] },
  { word: /\bprocess\.env\b/g, files: ['src/cli/environment.ts', 'src/dev/environment.ts'] },
  { word: /\bconsole\./g, files: ['src/cli/terminal.ts'] },
  {
    word: /(?<!\.)\b(?:setTimeout|setInterval|setImmediate)\b/g,
    files: ['src/core/clock.ts', 'src/core/yield.ts', 'src/dev/lock.mjs', 'src/dev/bootstrap.mjs'],
  },
]

export const wordsOutsideTheirDoor = (files: readonly SourceFile[]): readonly string[] =>
  files
    .filter((file) => file.path.startsWith('src/') && !isTest(file.path))
    .flatMap((file) =>
      doors
        .filter((door) => !door.files.includes(file.path))
        .flatMap((door) =>
          [...blanked(file.text).matchAll(door.word)].map(
            (match) => `${place(file, match.index)} says ${match[0]}: see ${door.files[0]}`,
          ),
        ),
    )

/** Unfinished work belongs into an issue. */
export const unfinishedNotes = (files: readonly SourceFile[]): readonly string[] =>
  files.flatMap((file) =>
    [...file.text.matchAll(/\b(?:TO[D]O|FIX[M]E|XX[X])\b/g)].map(
      (match) => `${place(file, match.index)} says ${match[0]}`,
    ),
  )

/** A test that never runs, or keeps others from running; a comment above may give the reason. */
export const silencedTests = (files: readonly SourceFile[]): readonly string[] =>
  files.flatMap((file) => {
    const lines = linesOf(file)
    const calls =
      /\b(?:test|it|describe|suite|bench)(?:\.\w+(?:\([^\n]*?\))?)*?\.(only|skip|todo|fails|skipIf|runIf)\b/g
    return [...blanked(file.text).matchAll(calls)].flatMap((match) => {
      const above = lines[lineOf(file, match.index) - 2] ?? ''
      const isExplained = match[1] !== 'only' && /^\s*(\/\/|\*)/.test(above)
      return isExplained ? [] : [`${place(file, match.index)} has ${match[0]} without a reason`]
    })
  })

const lineOf = (file: SourceFile, offset: number): number =>
  file.text.slice(0, offset).split('\n').length

const place = (file: SourceFile, offset: number): string => `${file.path}:${lineOf(file, offset)}`
