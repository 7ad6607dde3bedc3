/** A record to write, as text. */
export interface GeneratedRecord {
  readonly topic: string
  readonly key: string
  readonly value: string
  /** How long ago it happened, where it comes late. */
  readonly ageMs?: number
}
