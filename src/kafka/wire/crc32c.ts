import { crc32c as nativeCrc32c } from '@node-rs/crc32'

/** CRC-32C (Castagnoli) as a signed int32, the way it stands in a batch header. */
export const crc32c = (bytes: Uint8Array): number => nativeCrc32c(bytes) | 0
