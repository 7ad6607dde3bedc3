/** What is in a versioned store, whatever way it came there. */
import { RecordMeta } from '../core/record-meta.ts'
import type { RawRecord } from '../core/record.ts'
import { bytes } from '../serde/bytes.ts'
import type { ByteStore } from '../state/backend.ts'
import { memoryBackend } from '../state/memory/memory-backend.ts'
import type { VersionedStoreSpec } from '../state/store-spec.ts'
import { openVersionedStore } from '../state/versioned/open-versioned-store.ts'

const textOf = (value: Uint8Array): string => Buffer.from(value).toString()

/** Each version by its key and time, once these records were replayed over what is on the disk. */
export function versionsOf(
  spec: VersionedStoreSpec,
  disk: ByteStore | undefined,
  records: readonly RawRecord[],
): Record<string, string> {
  const { store, restoredEntry } = openVersionedStore(
    { ...spec, key: bytes, value: bytes },
    {
      bytes: disk ?? memoryBackend().store(spec.name),
      changelog: undefined,
      meta: new RecordMeta(),
      cacheMaxBytes: 0,
      readCacheMaxBytes: 0,
    },
  )
  for (const { key, value, timestampMs } of records) {
    if (key !== null) restoredEntry(key, value, timestampMs)
  }
  const found: Record<string, string> = {}
  for (const [key] of store.all()) {
    for (const { value, timestampMs, validToMs = '' } of store.versions(key)) {
      found[`${textOf(key)} ${timestampMs}-${validToMs}`] = textOf(value)
    }
  }
  return found
}

/** Versions on the disk that no record has brought. */
export function versionsNotIn(
  records: readonly RawRecord[],
  spec: VersionedStoreSpec,
  disk: ByteStore,
): readonly string[] {
  const known = new Set(
    records.map(({ key, value, timestampMs }) => {
      return `${textOf(key ?? nothing)} ${timestampMs} ${textOf(value ?? nothing)}`
    }),
  )
  return Object.entries(versionsOf(spec, disk, []))
    .map(([place, value]) => `${place.replace(/-\d*$/, '')} ${value}`)
    .filter((version) => !known.has(version))
}

const nothing = new Uint8Array(0)
