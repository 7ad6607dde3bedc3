import { lstatSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isStreamsError, messageOf, StreamsError } from '../core/errors.ts'

/** The package's own folder, seen from its source and from what is built of it alike. */
const home = fileURLToPath(new URL('../..', import.meta.url))
const template = join(home, 'topologies/starter')

/** What the template calls itself. */
const PLACEHOLDER = 'my-service'
/** A topic's name has 249 characters at most, and that of a changelog begins with the service's. */
const NAME_LENGTH_MAX = 100

/** Here these names would mean something to npm, git and compilers. */
const storedAs: Readonly<Record<string, string>> = {
  '_package.json': 'package.json',
  '_tsconfig.json': 'tsconfig.json',
  '_tsconfig.build.json': 'tsconfig.build.json',
  _gitignore: '.gitignore',
  _dockerignore: '.dockerignore',
}

interface PackageJson {
  readonly version: string
  readonly dependencies: Readonly<Record<string, string>>
  readonly devDependencies: Readonly<Record<string, string>>
}

/** A file of a new service: its path from the service's folder, and its text. */
export interface StarterFile {
  readonly path: string
  readonly text: string
}

/** The files of a new service, by path. A name that cannot be one is `INVALID_CONFIG`. */
export function starterFiles(name: string): readonly StarterFile[] {
  const versions = knownVersions()
  checkName(name, Object.keys(versions))
  return readdirSync(template, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => {
      const file = join(entry.parentPath, entry.name)
      const path = relative(template, file).replaceAll('\\', '/')
      const text = readFileSync(file, 'utf8').replaceAll(PLACEHOLDER, name)
      const filled = path === '_package.json' ? withVersions(text, versions) : text
      return { path: storedAs[path] ?? path, text: filled }
    })
    .sort((a, b) => (a.path < b.path ? -1 : 1))
}

/** A name for npm, Kafka's topics and Docker at once, each of which forbids something else. */
function checkName(name: string, dependencies: readonly string[]): void {
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name) || name.length > NAME_LENGTH_MAX) {
    const guess = name
      .toLowerCase()
      .replaceAll(/[^a-z0-9]+/g, '-')
      .replaceAll(/^[-0-9]+|-+$/g, '')
      .slice(0, NAME_LENGTH_MAX)
    throw new StreamsError('INVALID_CONFIG', {
      message:
        `"${name}" cannot be the name of a service: it takes small letters, digits and single ` +
        `hyphens between them, begins with a letter and has at most ${NAME_LENGTH_MAX} characters`,
      hint: `Give it one with --name${guess === '' ? '' : `, for example --name ${guess}`}.`,
    })
  }
  if (dependencies.includes(name)) {
    throw new StreamsError('INVALID_CONFIG', {
      message: `a service named "${name}" could not install the package of the same name`,
      hint: `Give it another name with --name, for example --name ${name}-service.`,
    })
  }
}

/** What a service needs, in the versions that this one of Millrace is tested with. */
function knownVersions(): Readonly<Record<string, string>> {
  const own = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8')) as PackageJson
  return { ...own.devDependencies, ...own.dependencies, millrace: `^${own.version}` }
}

const withVersions = (packageJson: string, versions: Readonly<Record<string, string>>): string =>
  packageJson.replaceAll(/"([^"]+)": "\*"/g, (whole, dependency: string) =>
    whole.replace('*', versions[dependency] ?? '*'),
  )

/**
 * Writes the files below a folder, which is made where it is missing. Files that are there stop it
 * before anything is written, unless they may be overwritten; others stay.
 */
export function writeStarter(
  folder: string,
  files: readonly StarterFile[],
  mayOverwrite: boolean,
): void {
  try {
    const present = files.map(({ path }) => path).filter((path) => isThere(folder, path))
    if (present.length > 0 && !mayOverwrite) {
      throw new StreamsError('INVALID_CONFIG', {
        message: `${folder} has ${present.join(', ')} already, and nothing was written`,
        hint: 'Choose another folder, or let these files be replaced with --overwrite.',
      })
    }
    for (const { path, text } of files) {
      mkdirSync(dirname(join(folder, path)), { recursive: true })
      writeFileSync(join(folder, path), text, { flag: mayOverwrite ? 'w' : 'wx' })
    }
  } catch (error) {
    if (isStreamsError(error)) throw error
    throw new StreamsError('INVALID_CONFIG', {
      message: `${folder} cannot be written: ${messageOf(error)}`,
      hint: 'Choose a folder that you may write to.',
      cause: error,
    })
  }
}

/** Whether there is such a file. Anything else in its place is `INVALID_CONFIG`. */
function isThere(folder: string, path: string): boolean {
  const parts = path.split('/')
  const below = parts.map((_, i) => join(folder, ...parts.slice(0, i)))
  for (const each of below) {
    if (statSync(each, { throwIfNoEntry: false })?.isDirectory() === false) {
      throw occupied(each, 'is not a folder')
    }
  }
  const found = lstatSync(join(folder, path), { throwIfNoEntry: false })
  if (found?.isDirectory() === true) throw occupied(join(folder, path), 'is a folder')
  return found !== undefined
}

const occupied = (path: string, what: string): StreamsError =>
  new StreamsError('INVALID_CONFIG', {
    message: `${path} ${what}, and nothing was written`,
    hint: 'Choose another folder, or move it away.',
  })
