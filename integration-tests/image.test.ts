/** The image of the orders service, its steps done by hand: no container engine is needed. */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, test, vi } from 'vitest'
import { parse } from 'yaml'
import { freePorts } from '../src/dev/free-ports.ts'
import { connectTo, createTopics } from './support/kafka-client.ts'
import { repository, start } from './support/millrace-command.ts'
import { ordersTopics } from './support/orders-load.ts'

const dockerfile = readFileSync(join(repository, 'Dockerfile'), 'utf8').replaceAll('\\\n', '')
const lastStage = dockerfile.slice(dockerfile.lastIndexOf('\nFROM '))

/** The lists in brackets behind a word of the Dockerfile. */
const words = (instruction: RegExp): readonly string[] =>
  JSON.parse(instruction.exec(lastStage)?.[1] ?? '[]') as readonly string[]

interface Service {
  readonly image?: string
  readonly build?: string
  readonly ports?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly depends_on?: Readonly<Record<string, unknown>>
}
const compose = parse(readFileSync(join(repository, 'docker-compose.yml'), 'utf8'), {
  merge: true,
}) as { readonly services: Readonly<Record<string, Service>> }

describe('docker-compose.yml', () => {
  test('has Kafka, a registry, two instances, and depends on nothing that it lacks', () => {
    const names = Object.keys(compose.services)
    expect(names).toEqual(
      expect.arrayContaining([
        'kafka',
        'registry',
        'orders-1',
        'orders-2',
        'prometheus',
        'grafana',
      ]),
    )
    for (const { image, build, depends_on: needs = {} } of Object.values(compose.services)) {
      expect(image ?? build).toEqual(expect.any(String))
      expect(names).toEqual(expect.arrayContaining(Object.keys(needs)))
    }
  })

  test('opens ports on loopback only, and creates every topic of the service', () => {
    const ports = Object.values(compose.services).flatMap((each) => each.ports ?? [])
    expect(ports.filter((port) => !port.startsWith('127.0.0.1:'))).toEqual([])
    for (const topic of ordersTopics) expect(JSON.stringify(compose.services)).toContain(topic)
  })
})

describe('the image', () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-image-'))
  const env = { PATH: [dirname(process.execPath), process.env['PATH']].join(delimiter) }
  const copy = (path: string, to = folder): void =>
    cpSync(join(repository, path), join(to, path), { recursive: true })

  beforeAll(async () => {
    const build = join(folder, 'build')
    mkdirSync(build)
    for (const path of ['package.json', 'tsconfig.json', 'tsconfig.build.json', 'src']) {
      copy(path, build)
    }
    symlinkSync(join(repository, 'node_modules'), join(build, 'node_modules'))
    const built = await start('npm', ['run', 'build'], { cwd: build, env }).finished
    if (built.code !== 0) throw new Error(`${built.stdout}${built.stderr}`)
    for (const path of ['package.json', 'package-lock.json']) copy(path)
    const quiet = ['--prefer-offline', '--no-audit', '--no-fund']
    const install = ['ci', '--omit=dev', '--ignore-scripts', ...quiet]
    const installed = await start('npm', install, { cwd: folder, env }).finished
    if (installed.code !== 0) throw new Error(installed.stderr)
    cpSync(join(build, 'dist'), join(folder, 'dist'), { recursive: true })
    for (const [, path = ''] of lastStage.matchAll(/^COPY (?!--)(\S+) \S+$/gm)) copy(path)
    rmSync(build, { recursive: true })
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  test('does not run as root', () => {
    expect(/^USER (\w+)$/m.exec(lastStage)?.[1]).toBe('node')
  })

  test('has all that its topology needs with production dependencies alone', async () => {
    const [command = '', ...entry] = words(/ENTRYPOINT (\[.*\])/)
    const [, ...operands] = words(/\nCMD (\[.*\])/)
    const described = start(command, [...entry, 'topology', 'describe', ...operands], {
      cwd: folder,
      env: { ...env, NODE_ENV: 'production' },
    })
    const { code, stdout, stderr } = await described.finished
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain('orders.events')
  })

  test('runs with production dependencies alone, is healthy, and ends on SIGTERM', async () => {
    const brokers = inject('kafkaBrokers')
    await using port = await connectTo(brokers)
    const existing = await port.metadata(ordersTopics)
    const missing = ordersTopics.filter((name) => !existing.has(name))
    await createTopics(port, missing, 2)
    const [command = '', ...entry] = words(/ENTRYPOINT (\[.*\])/)
    const [health = '', ...probe] = words(/HEALTHCHECK .*?CMD (\[.*\])/)
    const [httpPort] = await freePorts(1)
    const address = `127.0.0.1:${httpPort}`
    await using app = start(command, [...entry, ...words(/\nCMD (\[.*\])/)], {
      cwd: folder,
      env: {
        ...env,
        NODE_ENV: 'production',
        MILLRACE_STATE_DIR: join(folder, 'state'),
        MILLRACE_HTTP: address,
        MILLRACE_BROKERS: brokers.join(','),
        MILLRACE_APPLICATION_ID: `image-${process.pid}`,
      },
    })
    await app.says('application running')
    const asked = probe.map((word) => word.replace('127.0.0.1:8080', address))
    const isHealthy = async (): Promise<number | null> =>
      (await start(health, asked, { env }).finished).code
    await vi.waitUntil(async () => (await isHealthy()) === 0, { timeout: 20_000, interval: 500 })
    app.signal('SIGTERM')
    expect(await app.finished).toMatchObject({ code: 0, stderr: '' })
    expect(await isHealthy()).toBe(1)
  })
})
