import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { StreamsError } from '../core/errors.ts'
import { cacheFolder, javaCommand } from './environment.ts'
import { withLock } from './lock.mjs'
import { runProgram } from './run-program.ts'

const pom = fileURLToPath(new URL('./streams-pom.xml', import.meta.url))

const DOWNLOAD_MS_MAX = 600_000

/** What is missing to run a program from its Java source with Kafka Streams, in words. */
export async function missingForJavaStreams(): Promise<string | undefined> {
  const modules = await runProgram(javaCommand(), ['--list-modules'], 30_000)
  if (modules.exitCode !== 0) return 'no Java is installed'
  if (!modules.output.includes('jdk.compiler')) return 'the Java here has no compiler (a JDK has)'
  if (existsSync(await preparedFolder())) return undefined
  const maven = await runProgram('mvn', ['--version'], 30_000)
  return maven.exitCode === 0 ? undefined : 'no Maven is installed'
}

/** The class path of Kafka Streams and Kafka's tools, fetched by Maven into the user's cache. */
export async function streamsClassPath(): Promise<string> {
  const folder = await preparedFolder()
  if (!existsSync(folder)) {
    await withLock(cacheFolder(), 'streams-download', DOWNLOAD_MS_MAX, async () => {
      if (!existsSync(folder)) await download(folder)
    })
  }
  return join(folder, '*')
}

async function preparedFolder(): Promise<string> {
  const match = /<streams\.version>([^<]+)</.exec(await readFile(pom, 'utf8'))
  if (match?.[1] === undefined) throw new Error('assertion failed: the pom pins streams.version')
  return join(cacheFolder(), `streams-tools-${match[1]}`)
}

/** Into a folder beside the real one, which is then renamed: `folder` is whole or not there. */
async function download(folder: string): Promise<void> {
  const partial = `${folder}.partial-${randomBytes(6).toString('hex')}`
  try {
    const goal = ['dependency:copy-dependencies', '-DincludeScope=runtime']
    const args = ['-B', '-q', '-f', pom, ...goal, `-DoutputDirectory=${partial}`]
    const { exitCode, output } = await runProgram('mvn', args, DOWNLOAD_MS_MAX)
    if (exitCode !== 0) {
      const reason = output.split('\n').find((line) => line.includes('ERROR')) ?? output
      throw new StreamsError('KAFKA_UNAVAILABLE', {
        message: `Maven could not fetch Kafka Streams: ${reason.trim()}`,
        hint: 'Check the network and the mirrors in the settings of Maven.',
      })
    }
    await rename(partial, folder)
  } catch (error) {
    // ENOTEMPTY: another process was faster, and its folder is as good as ours.
    if (!existsSync(folder)) throw error
  } finally {
    await rm(partial, { recursive: true, force: true })
  }
}
