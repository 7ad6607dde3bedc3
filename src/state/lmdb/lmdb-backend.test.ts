import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stateBackendContract } from '../backend.contract.ts'
import { openLmdbBackend } from './lmdb-backend.ts'

stateBackendContract('the LMDB backend', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-lmdb-'))
  const backend = openLmdbBackend(directory)
  return {
    backend,
    [Symbol.asyncDispose]: async () => {
      await backend.close()
      await rm(directory, { recursive: true })
    },
  }
})
