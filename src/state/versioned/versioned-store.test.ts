import { versionedStoreContract } from '../versioned-store.contract.ts'

versionedStoreContract('a store in memory', { backend: 'memory', cacheMaxBytes: 0 })
versionedStoreContract('an LMDB store', { backend: 'lmdb', cacheMaxBytes: 0 })
versionedStoreContract('a store of an application with a cache', {
  backend: 'lmdb',
  cacheMaxBytes: 1_000_000,
})
