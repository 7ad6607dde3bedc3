import type { Finding } from './finding.ts'
import type { LockedStore, TopologyLock } from './lock.ts'

interface Change {
  readonly name: string
  readonly before: LockedStore
  readonly after: LockedStore
  /** Of the changelog. */
  readonly topic: string
}

const RESET = 'Begin anew: stop every instance, then `millrace replay <topology.ts> --to-earliest`.'

/** What becomes of each store that was there, and of each that was not. */
export function compareStores(before: TopologyLock, after: TopologyLock): readonly Finding[] {
  const topicOf = (name: string): string => `${before.applicationId}-${name}-changelog`
  const gone = Object.entries(before.stores).filter(([name]) => !(name in after.stores))
  const added = Object.entries(after.stores).filter(([name]) => !(name in before.stores))
  const kept = Object.entries(after.stores).flatMap(([name, store]) => {
    const old = before.stores[name]
    return old === undefined ? [] : [{ name, before: old, after: store, topic: topicOf(name) }]
  })
  return [
    ...gone.map(([name, store]) => storeGone(name, store, topicOf(name), added)),
    ...added.flatMap(([name, store]) => storeAdded(name, store, before)),
    ...kept.flatMap((change) => storeChanged(change)),
  ]
}

function storeGone(
  name: string,
  store: LockedStore,
  topic: string,
  added: readonly (readonly [string, LockedStore])[],
): Finding {
  const twin = added.find(
    ([, each]) => each.kind === store.kind && each.key === store.key && each.value === store.value,
  )
  const rows = store.logged
    ? `Its rows stay in topic "${topic}", and nobody reads them.`
    : 'Its rows are nowhere else.'
  const renamed =
    twin === undefined
      ? 'If it is not needed any more, all is well.'
      : `If it is called "${twin[0]}" now, give it its old name: rows do not move.`
  return { verdict: 'loss', what: `store "${name}" is gone`, hint: `${rows} ${renamed}` }
}

/** What is read from its beginning fills a store; what was read before does not come again. */
function storeAdded(name: string, store: LockedStore, before: TopologyLock): readonly Finding[] {
  const known = store.inputs.filter((topic) => topic in before.sources)
  if (known.length === 0) {
    return [
      {
        verdict: 'compatible',
        what: `store "${name}" is new`,
        hint: 'It is filled from topics that were not read before.',
      },
    ]
  }
  return [
    {
      verdict: 'reset',
      what: `store "${name}" is new, and is filled from ${listed(known)} from where the group is`,
      hint: `Records before that are not in it. ${RESET} If that is meant, write the lock.`,
    },
  ]
}

function storeChanged(change: Change): readonly Finding[] {
  const { name, before, after } = change
  if (before.kind !== after.kind) {
    return [reset(`store "${name}" was a ${before.kind} store and is a ${after.kind} store`)]
  }
  return [
    ...serdes(change),
    ...windows(change),
    ...logging(change),
    ...retention(change),
    ...inputs(change),
  ]
}

const reset = (what: string, why = ''): Finding => ({
  verdict: 'reset',
  what,
  hint: why === '' ? RESET : `${why} ${RESET}`,
})

function serdes({ name, before, after }: Change): readonly Finding[] {
  return (['key', 'value'] as const)
    .filter((part) => before[part] !== after[part])
    .map((part) =>
      reset(
        `the ${part}s of store "${name}" were written with ${before[part]} and are read with ${after[part]}`,
      ),
    )
}

/** Windows of another length, or that begin at other times, are other windows. */
function windows({ name, before, after }: Change): readonly Finding[] {
  // Records of a join, or of whoever keeps each one, belong to no window.
  if (before.duplicates === true && after.duplicates === true) return []
  const lengths = [before, after].map(({ sizeMs, groupMs }) => sizeMs ?? groupMs)
  const steps = [before, after].map(({ sizeMs = 0, groupMs = 0 }) => Math.min(groupMs, sizeMs))
  const why = 'Results of both would lie side by side.'
  if (lengths[0] !== lengths[1]) {
    const what = `the windows of store "${name}" lasted ${lengths[0]} ms and last ${lengths[1]} ms`
    return [reset(what, why)]
  }
  if (steps[0] === steps[1]) return []
  const what = `the windows of store "${name}" began every ${steps[0]} ms and begin every ${steps[1]} ms`
  return [reset(what, why)]
}

function logging({ name, before, after, topic }: Change): readonly Finding[] {
  if (before.logged && !after.logged) {
    return [
      {
        verdict: 'loss',
        what: `store "${name}" has no changelog any more`,
        hint: 'Its rows are lost with the disk that they are on, and when a task moves.',
      },
    ]
  }
  if (!before.logged && after.logged) {
    return [
      reset(
        `store "${name}" has a changelog now`,
        `Rows that are there already are not in "${topic}".`,
      ),
    ]
  }
  const moves = before.subTopology !== after.subTopology || before.backend !== after.backend
  if (!moves) return []
  const what =
    before.backend === after.backend
      ? `store "${name}" belongs to sub-topology ${after.subTopology}, not ${before.subTopology}`
      : `store "${name}" is kept in ${after.backend}, not in ${before.backend}`
  return after.logged
    ? [{ verdict: 'compatible', what, hint: 'It is restored from its changelog, once.' }]
    : [{ verdict: 'loss', what, hint: 'It has no changelog to be restored from.' }]
}

function retention({ name, before, after, topic }: Change): readonly Finding[] {
  const [old, now] = [before.retentionMs ?? before.historyMs, after.retentionMs ?? after.historyMs]
  if (old === undefined || now === undefined || old === now) return []
  const what = `store "${name}" keeps rows for ${now} ms, not ${old} ms`
  return now < old
    ? [{ verdict: 'loss', what, hint: 'Older rows are not seen any more, and deleted.' }]
    : [
        {
          verdict: 'compatible',
          what,
          hint: `Topic "${topic}" stays as it was created: alter its retention.ms to keep them there too.`,
        },
      ]
}

/** What comes through a repartition topic lies in the partitions of another key. */
function inputs({ name, before, after }: Change): readonly Finding[] {
  const internal = (topic: string): boolean => topic.endsWith('-repartition')
  const changed = [
    ...after.reads.filter((topic) => internal(topic) && !before.reads.includes(topic)),
    ...before.reads.filter((topic) => internal(topic) && !after.reads.includes(topic)),
  ]
  if (changed.length > 0) {
    const what = `store "${name}" is fed by ${listed(after.reads)}, and was by ${listed(before.reads)}`
    return [reset(what, 'Its keys may lie in other partitions.')]
  }
  const gone = before.inputs.filter((topic) => !after.inputs.includes(topic))
  return gone.length === 0
    ? []
    : [
        {
          verdict: 'compatible',
          what: `store "${name}" is not fed by ${listed(gone)} any more`,
          hint: 'What came from there before stays in it.',
        },
      ]
}

const listed = (topics: readonly string[]): string =>
  topics.length === 0 ? 'no topic' : topics.map((topic) => `"${topic}"`).join(', ')
