/**
 * What travels with a committed offset, as `name=value` parts with semicolons between them; parts
 * that are not known here are left alone.
 */
export interface CommitMetadata {
  /** So that stream time never goes back after a restart; -1 where there is none. */
  readonly streamTimeMs: number
  /** The same of the input partition, for timestamp extractors; -1 where there is none. */
  readonly partitionTimeMs: number
  /**
   * Which replay the state belongs to that goes with this offset; empty before the first one. State
   * of another generation is stale, wherever it lies.
   */
  readonly generation: string
  /** The replay that has begun and not ended: until then nobody may resume. Empty: none. */
  readonly replay: string
  /** Nothing had been committed before a replay was begun, and the offset means nothing. */
  readonly isFresh: boolean
  /** Of which topic the offset is, see `topicIdentity`; empty where that is not known. */
  readonly topic: string
  /** Which changelogs go with the offset, see `logsIdentity`; empty where that is not known. */
  readonly logs: string
}

const none: CommitMetadata = {
  streamTimeMs: -1,
  partitionTimeMs: -1,
  generation: '',
  replay: '',
  isFresh: false,
  topic: '',
  logs: '',
}

export function formatCommitMetadata(metadata: Partial<CommitMetadata>): string {
  const all = { ...none, ...metadata }
  const { streamTimeMs, partitionTimeMs, generation, replay, isFresh, topic, logs } = all
  const parts: string[] = []
  if (streamTimeMs >= 0) parts.push(`stream-time=${streamTimeMs}`)
  if (partitionTimeMs >= 0) parts.push(`partition-time=${partitionTimeMs}`)
  if (generation !== '') parts.push(`state=${generation}`)
  if (replay !== '') parts.push(`replay=${replay}`)
  if (isFresh) parts.push('from=none')
  if (topic !== '') parts.push(`topic=${topic}`)
  if (logs !== '') parts.push(`logs=${logs}`)
  return parts.join(';')
}

export function parseCommitMetadata(text: string): CommitMetadata {
  if (text === '') return none
  const parts = new Map<string, string>()
  for (const part of text.split(';')) {
    const [name = '', ...value] = part.split('=')
    parts.set(name, value.join('='))
  }
  const timeOf = (name: string): number => {
    const time = parts.get(name) ?? ''
    return /^\d+$/.test(time) ? Number(time) : -1
  }
  return {
    streamTimeMs: timeOf('stream-time'),
    partitionTimeMs: timeOf('partition-time'),
    generation: parts.get('state') ?? '',
    replay: parts.get('replay') ?? '',
    isFresh: parts.get('from') === 'none',
    topic: parts.get('topic') ?? '',
    logs: parts.get('logs') ?? '',
  }
}

/**
 * Of a task with several inputs: the youngest, for generations are named by their time. An input
 * that joined later, or that was moved by other tools, has none.
 */
export const latestGeneration = (metadata: readonly (string | null)[]): string =>
  metadata
    .map((text) => parseCommitMetadata(text ?? '').generation)
    .reduce((latest, each) => (each > latest ? each : latest), '')
