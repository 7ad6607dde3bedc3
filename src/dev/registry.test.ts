import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { startRegistry } from './registry.fixture.ts'

// With an engine there, Docker is the right answer.
test.skipIf(existsSync('/var/run/docker.sock'))(
  'without Java and Docker the error says what to install',
  async () => {
    vi.stubEnv('JAVA_HOME', join(tmpdir(), 'no-java-here'))
    const refused = startRegistry()
    await expect(refused).rejects.toMatchObject({
      code: 'REGISTRY_UNREACHABLE',
      hint: expect.stringContaining('start Docker') as string,
    })
    await expect(refused).rejects.toThrow(
      'there is no schema registry to run on: no Java is installed, and Docker cannot be used',
    )
    vi.unstubAllEnvs()
  },
)
