import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'

/** The one file of `src/dev` that reads the environment. Read at the call, not at the import. */
const variable = (name: string): string | undefined => {
  const value = process.env[name]
  return value === undefined || value === '' ? undefined : value
}

/** A Kafka that runs already: `KAFKA_BROKERS=host:port,host:port`. */
export const externalBrokers = (): readonly string[] | undefined =>
  variable('KAFKA_BROKERS')
    ?.split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '')

/** Where downloads are kept between runs, one folder a user. */
export const cacheFolder = (): string =>
  join(variable('XDG_CACHE_HOME') ?? join(homedir(), '.cache'), 'millrace')

export const javaCommand = (): string => {
  const home = variable('JAVA_HOME')
  return home === undefined ? 'java' : join(home, 'bin', 'java')
}

/** A socket's path may have 103 bytes on macOS, so a long `TMPDIR` is passed over. */
export const temporaryFolder = (): string => (tmpdir().length > 60 ? '/tmp' : tmpdir())
