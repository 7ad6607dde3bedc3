import { keyValueStoreContract } from '../key-value-store.contract.ts'

keyValueStoreContract('a memory store', { backend: 'memory', cached: false })
keyValueStoreContract('a cached memory store', { backend: 'memory', cached: true })
keyValueStoreContract('an LMDB store', { backend: 'lmdb', cached: false })
keyValueStoreContract('a cached LMDB store', { backend: 'lmdb', cached: true })
