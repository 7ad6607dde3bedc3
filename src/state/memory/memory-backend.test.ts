import { stateBackendContract } from '../backend.contract.ts'
import { memoryBackend } from './memory-backend.ts'

stateBackendContract('the memory backend', () => {
  const backend = memoryBackend()
  return Promise.resolve({ backend, [Symbol.asyncDispose]: backend.close })
})
