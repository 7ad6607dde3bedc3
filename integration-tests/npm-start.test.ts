/** `npm start`: the demo, as somebody meets it who has just cloned the repository. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { missingForJavaKafka } from '../src/dev/kafka-distribution.ts'
import { start, type CommandOptions, type Running } from './support/millrace-command.ts'

/** All that a demo leaves behind would be left here. */
let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'mr-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const npmStart = (args: readonly string[], env: CommandOptions['env'] = {}): Running =>
  start('npm', ['start', '--silent', '--', ...args], {
    env: { TMPDIR: folder, KAFKA_BROKERS: undefined, ...env },
  })

/** What the last line of a demo with `--json` says, and what stands before it. */
function account(stdout: string): Record<string, unknown> {
  const [last = '', ...others] = stdout.trimEnd().split('\n').reverse()
  return { others, ...(JSON.parse(last) as Record<string, unknown>) }
}

/** Folders and processes of demos and of their Kafkas. */
function traces(): readonly string[] {
  const files = readdirSync(folder).filter((name) => name.startsWith('millrace-'))
  const processes = execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' })
  return [...files, ...processes.split('\n').filter((line) => line.includes(folder))]
}

const hasJavaKafka = (await missingForJavaKafka()) === undefined

// Docker's containers are not in the list of this machine's processes.
describe.runIf(hasJavaKafka)('on a real Kafka', () => {
  test('every record is accounted for, and the last line is for programs', async () => {
    const { code, stdout } = await npmStart(['--records', '3000', '--json']).finished
    const { others, events, rejected, deadLetters, ...rest } = account(stdout)
    expect({ code, others, ...rest }).toMatchObject({
      ...{ code: 0, others: [], input: 3_000, balanced: true },
      ...Object.fromEntries(
        ['paid', 'unmatched', 'recovered', 'givenUp', 'alerts'].map((name) => [
          name,
          expect.any(Number) as number,
        ]),
      ),
    })
    expect(Number(events) + Number(rejected) + Number(deadLetters)).toBe(3_000)
    expect(traces()).toEqual([])
  })

  test('killed with kill -9 whatever it does, it leaves nothing and starts again', async () => {
    for (const words of ['starting Kafka', 'Kafka is ready', ' in, ']) {
      await using demo = npmStart(['--records', '0'])
      await expect.poll(demo.stderr, { timeout: 60_000, interval: 20 }).toContain(words)
      demo.signal('SIGKILL')
      await demo.finished
      const { code, stdout } = await npmStart(['--records', '200', '--json']).finished
      expect({ code, ...account(stdout) }).toMatchObject({ code: 0, input: 200, balanced: true })
    }
    await expect.poll(traces, { timeout: 30_000 }).toEqual([])
  })

  test('a signal ends the input, and what was written is accounted for', async () => {
    await using demo = npmStart(['--records', '0'])
    await expect.poll(demo.stderr, { timeout: 60_000 }).toContain('running: ')
    demo.signal('SIGTERM')
    const { stdout } = await demo.finished
    expect(stdout).toContain('Every input record came out exactly once.\n')
    expect(traces()).toEqual([])
  })

  test.each(['orders', 'risk'])(
    'a worker that is killed again and again makes no difference: %s',
    async (name) => {
      const args = [name, '--records', '12000', '--kill', '--json']
      const { code, stdout } = await npmStart(args).finished
      expect({ code, ...account(stdout) }).toMatchObject({ code: 0, input: 12_000, balanced: true })
    },
  )
})

describe('on a simulated cluster', () => {
  test.each(['orders', 'risk'])('if asked for, killed as well: %s', async (name) => {
    const args = [name, '--in-memory', '--records', '12000', '--kill', '--json']
    const { code, stdout } = await npmStart(args).finished
    expect({ code, ...account(stdout) }).toMatchObject({ code: 0, input: 12_000, balanced: true })
  })

  test('where neither Java nor Docker is there, and says so', async () => {
    const bin = mkdtempSync(join(tmpdir(), 'millrace-path-'))
    // What a machine with Node has, and what npm needs to run a script.
    for (const [name, file] of Object.entries({ node: process.execPath, sh: '/bin/sh' })) {
      symlinkSync(file, join(bin, name))
    }
    const npm = execFileSync('sh', ['-c', 'command -v npm'], { encoding: 'utf8' }).trim()
    const env = { PATH: bin, JAVA_HOME: undefined, DOCKER_HOST: 'unix:///nowhere/docker.sock' }
    const args = ['start', '--silent', '--', '--records', '1000']
    const { code, stdout, stderr } = await start(npm, args, {
      env: { TMPDIR: folder, KAFKA_BROKERS: undefined, ...env },
    }).finished
    expect(code, stderr).toBe(0)
    expect(stderr).toContain('there is no Kafka to run on: no Java is installed')
    expect(stderr).toContain('Going on with a simulated cluster in this process.')
    expect(stdout).toContain('       1,000  input records\n')
    expect(stdout).toContain('Every input record came out exactly once.\n')
    rmSync(bin, { recursive: true })
  })
})

const hasScript = process.platform === 'linux' && existsSync('/usr/bin/script')

// script(1) of other systems takes other arguments.
describe.runIf(hasScript)('on a terminal', () => {
  test('there is one screen, drawn in place, and the cursor comes back', async () => {
    const demo = 'npm start --silent -- --in-memory --records 2000 --rate 1000'
    const { code, stdout } = await start('script', ['-qec', demo, '/dev/null'], {
      env: { TMPDIR: folder, TERM: 'xterm' },
    }).finished
    expect(code).toBe(0)
    const [before, ...frames] = stdout.split('\u001b[?2026h')
    expect(before).toContain('\u001b[?25l')
    expect(frames.length).toBeGreaterThan(4)
    for (const frame of frames.slice(1)) expect(frame.slice(0, 6)).toBe('\r\u001b[23A')
    expect(frames.join('')).not.toContain('\u001b[2J')
    const last = frames.at(-1) ?? ''
    expect(last).toContain('\u001b[?25h')
    expect(last).toContain('Every input record came out exactly once.')
  })
})

test('--help and a wrong option', async () => {
  const help = await npmStart(['--help']).finished
  expect(help).toMatchObject({ code: 0, stdout: expect.stringContaining('--records N') as string })
  const wrong = await npmStart(['--recods', '5']).finished
  expect(wrong).toMatchObject({
    code: 2,
    stdout: '',
    stderr: "error: Unknown option '--recods'. See `npm start -- --help`.\n",
  })
})
