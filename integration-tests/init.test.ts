/** `npm create millrace`: from the packed packages to a service that works, as it was written. */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { parse } from 'yaml'
import { uniqueName } from './support/kafka-client.ts'
import { repository, start, type Finished, type Running } from './support/millrace-command.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-init-'))
const name = uniqueName()
const service = join(folder, name)
const quiet = ['--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund']
// Whoever creates a service has Node 24: here the one that runs the tests.
const env = {
  PATH: [dirname(process.execPath), process.env['PATH']].join(delimiter),
  MILLRACE_BROKERS: inject('kafkaBrokers').join(','),
}

const inService = (file: string, ...args: readonly string[]): Running =>
  start(file, args, { cwd: service, env })

async function succeeds(running: Running): Promise<Finished> {
  const finished = await running.finished
  if (finished.code !== 0) throw new Error(`${finished.stdout}${finished.stderr}`)
  return finished
}

beforeAll(async () => {
  const pack = ['pack', '--silent', '--pack-destination', folder]
  await succeeds(start('npm', pack, { env }))
  await succeeds(start('npm', pack, { env, cwd: join(repository, 'src/cli/create-millrace') }))
  const archives = readdirSync(folder).filter((each) => each.endsWith('.tgz'))
  expect(archives).toHaveLength(2)

  // What `npm create` does in a folder of its own.
  writeFileSync(join(folder, 'package.json'), '{"private":true}')
  const install = archives.map((each) => `./${each}`)
  await succeeds(start('npm', ['install', ...install, ...quiet], { cwd: folder, env }))
  const creator = join(folder, 'node_modules/.bin/create-millrace')
  const created = await succeeds(start(creator, [name], { cwd: folder, env }))
  expect(created.stderr).toBe('')
  rmSync(join(folder, 'node_modules'), { recursive: true })

  const archive = archives.find((each) => each.startsWith('millrace-')) as string
  cpSync(join(folder, archive), join(service, archive))
  await succeeds(inService('npm', 'install', `./${archive}`, ...quiet))
  // Two installations, which a busy machine takes minutes for.
}, 300_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('its types and its tests pass', async () => {
  const { stdout } = await succeeds(inService('npm', 'test', '--silent'))
  expect(stdout).toContain('2 passed')
})

/** The words of an instruction of its Dockerfile. */
function words(instruction: string): readonly string[] {
  const dockerfile = readFileSync(join(service, 'Dockerfile'), 'utf8')
  const found = new RegExp(`^${instruction} (\\[.*\\])$`, 'm').exec(dockerfile)
  return JSON.parse(found?.[1] ?? '[]') as readonly string[]
}

describe('its image, the steps done by hand', () => {
  test('compiles the service, and no test of it', async () => {
    await succeeds(inService('npm', 'run', 'build', '--silent'))
    const compiled = readdirSync(join(service, 'dist'))
    expect(compiled.sort()).toEqual(['topology.js', 'topology.js.map'])
  })

  test('runs what was compiled: topics as its compose file makes them, payments as its shop', async () => {
    const { services } = parse(readFileSync(join(service, 'docker-compose.yml'), 'utf8')) as {
      readonly services: Readonly<Record<string, { readonly command?: readonly string[] }>>
    }
    const [entry = ''] = words('ENTRYPOINT')
    const topics = await succeeds(inService(entry, ...(services['topics']?.command ?? [])))
    expect(topics.stdout).toMatch(new RegExp(`^${name}.payments: .* with 4 partitions$`, 'm'))
    await using app = inService(entry, ...words('CMD'))
    await app.says('application running')
    await using shop = inService(process.execPath, 'dev/shop.ts')
    await shop.says('edsger has spent 100 cents')
    app.signal('SIGTERM')
    expect(await app.finished).toMatchObject({ code: 0, stderr: '' })
  })
})
