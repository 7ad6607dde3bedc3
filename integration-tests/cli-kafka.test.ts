/** `millrace kafka`: a Kafka that stays until it is stopped, apart from the developer's own. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { missingForJavaKafka } from '../src/dev/kafka-distribution.ts'
import { millrace } from './support/millrace-command.ts'

const cache = mkdtempSync(join(tmpdir(), 'millrace-cache-'))
const env = { XDG_CACHE_HOME: cache, KAFKA_BROKERS: undefined }

/** What was downloaded before is used again; only the note of what runs is kept apart. */
function shareDownloads(): void {
  const own = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'millrace')
  mkdirSync(join(cache, 'millrace'))
  if (!existsSync(own)) return
  for (const folder of readdirSync(own).filter((each) => /^kafka-[\d.]+$/.test(each))) {
    symlinkSync(join(own, folder), join(cache, 'millrace', folder))
  }
}

afterAll(async () => {
  await millrace(['kafka', 'stop'], { env })
  rmSync(cache, { recursive: true, force: true })
})

// A detached Kafka is one of this machine's Java; Docker's would not outlive the command.
test.runIf((await missingForJavaKafka()) === undefined)(
  'starts, is found again, says where it is, and stops',
  async () => {
    shareDownloads()
    const before = await millrace(['kafka', 'status'], { env })
    expect(before).toEqual({ code: 1, stdout: 'no Kafka runs\n', stderr: '' })

    const started = await millrace(['kafka', 'start', '--json'], { env })
    const { brokers } = JSON.parse(started.stdout) as { readonly brokers: readonly string[] }
    expect(started).toMatchObject({
      code: 0,
      stdout: `{"running":true,"brokers":["127.0.0.1:${brokers[0]?.split(':')[1]}"]}\n`,
    })
    const again = await millrace(['kafka', 'start'], { env })
    expect(again).toEqual({
      code: 0,
      stdout: `Kafka runs on ${brokers[0]}\n`,
      stderr: `Kafka runs already on ${brokers[0]}\n`,
    })

    const status = await millrace(['kafka', 'status', '--json'], { env })
    const { dataDir, ...rest } = JSON.parse(status.stdout) as { readonly dataDir: string }
    expect(rest).toMatchObject({ running: true, brokers, states: ['running'] })
    const topic = ['topic', 'create', 'clicks', '--partitions', '1', '--brokers']
    expect((await millrace([...topic, brokers[0] as string], { env })).code).toBe(0)

    const stopped = await millrace(['kafka', 'stop'], { env })
    expect(stopped).toEqual({ code: 0, stdout: 'Kafka stopped\n', stderr: '' })
    expect(existsSync(dataDir)).toBe(false)
    expect((await millrace(['kafka', 'status'], { env })).code).toBe(1)
    expect(await millrace(['kafka', 'stop', '--json'], { env })).toEqual({
      code: 0,
      stdout: '{"stopped":false}\n',
      stderr: '',
    })
  },
)
