import { hash as digest } from 'node:crypto'
import type { PatternDefinition } from './definition.ts'

const HASH_BYTES = 4

/**
 * Equal for patterns of the same words: their partial matches mean the same. What a predicate does
 * is not seen, so a mended one goes on with the matches it finds.
 */
export function patternHash({ name, version, steps, withinMs, skip }: PatternDefinition): number {
  const text = JSON.stringify([name, version, withinMs, skip, steps], (key, value: unknown) =>
    typeof value === 'function' ? key : value,
  )
  return digest('sha256', text, 'buffer').readUIntBE(0, HASH_BYTES)
}
