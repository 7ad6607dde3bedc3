import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { StreamsError } from '../core/errors.ts'
import { cacheFolder } from './environment.ts'
import { JAVA_MIN, javaVersion } from './kafka-distribution.ts'
import { withLock } from './lock.mjs'
import { runProgram } from './run-program.ts'

const pom = fileURLToPath(new URL('./registry-pom.xml', import.meta.url))

const DOWNLOAD_MS_MAX = 600_000

/** What is missing on this machine, in words; `undefined` when the registry can be had. */
export async function missingForRegistry(): Promise<string | undefined> {
  const java = await javaVersion()
  if (java === undefined) return 'no Java is installed'
  if (java.major < JAVA_MIN) return `Java ${java.major} is older than ${JAVA_MIN}`
  const { folder } = await prepared()
  if (existsSync(folder)) return undefined
  const maven = await runProgram('mvn', ['--version'], 30_000)
  return maven.exitCode === 0 ? undefined : 'no Maven is installed'
}

/**
 * The registry's runnable jar, fetched by Maven into the user's cache at the first call and read
 * from there ever after. Safe to call from several processes, and to be killed half way.
 */
export async function registryJar(onProgress: (line: string) => void): Promise<string> {
  const { folder, version } = await prepared()
  if (!existsSync(folder)) {
    await withLock(cacheFolder(), 'registry-download', DOWNLOAD_MS_MAX, async () => {
      if (!existsSync(folder)) await download(folder, version, onProgress)
    })
  }
  return join(folder, `apicurio-registry-app-${version}-runner.jar`)
}

export const registryVersion = async (): Promise<string> => (await prepared()).version

async function prepared(): Promise<{ folder: string; version: string }> {
  const match = /<registry\.version>([^<]+)</.exec(await readFile(pom, 'utf8'))
  const version = match?.[1]
  if (version === undefined) throw new Error('assertion failed: the pom pins registry.version')
  return { folder: join(cacheFolder(), `registry-${version}`), version }
}

/** Into a folder beside the real one, which is then renamed: `folder` is whole or not there. */
async function download(
  folder: string,
  version: string,
  onProgress: (line: string) => void,
): Promise<void> {
  onProgress(`fetching Apicurio Registry ${version} with Maven (142 MB, only the first time)`)
  const partial = `${folder}.partial-${randomBytes(6).toString('hex')}`
  await mkdir(partial, { recursive: true })
  try {
    const goal = ['dependency:unpack-dependencies', `-DoutputDirectory=${partial}`]
    // What Maven keeps of its own unpacking would be left in the package's folder.
    const markers = `-DmarkersDirectory=${partial}.markers`
    const args = ['-B', '-q', '-f', pom, ...goal, markers]
    const result = await runProgram('mvn', args, DOWNLOAD_MS_MAX)
    if (result.exitCode !== 0) throw notFetched(version, result.output)
    await rename(partial, folder)
  } catch (error) {
    // ENOTEMPTY: another process was faster, and its folder is as good as ours.
    if (!existsSync(folder)) throw error
  } finally {
    await rm(partial, { recursive: true, force: true })
    await rm(`${partial}.markers`, { recursive: true, force: true })
  }
}

function notFetched(version: string, output: string): StreamsError {
  const reason = output.split('\n').find((line) => line.includes('ERROR')) ?? output
  return new StreamsError('REGISTRY_UNREACHABLE', {
    message: `Maven could not fetch Apicurio Registry ${version}: ${reason.trim()}`,
    hint: 'Check the network and the mirrors in the settings of Maven.',
  })
}
