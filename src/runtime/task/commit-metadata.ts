/** Stream time travels with the committed offset, so that it never goes back after a restart. */
export const streamTimeMetadata = (streamTimeMs: number): string =>
  streamTimeMs < 0 ? '' : `stream-time=${streamTimeMs}`

/** -1 where there is none. */
export function streamTimeFrom(metadata: string): number {
  const match = /^stream-time=(\d+)$/.exec(metadata)
  return match === null ? -1 : Number(match[1])
}
