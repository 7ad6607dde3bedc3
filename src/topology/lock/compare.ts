import { compareStores } from './compare-stores.ts'
import type { Finding } from './finding.ts'
import type { TopologyLock } from './lock.ts'

/** What it would come to if the second took over from the first. */
export function compareLocks(before: TopologyLock, after: TopologyLock): readonly Finding[] {
  if (before.applicationId !== after.applicationId) {
    return [
      {
        verdict: 'loss',
        what: `the application id is "${after.applicationId}", not "${before.applicationId}"`,
        hint: 'It begins with empty state, where `reset` says; what the old one has stays in Kafka.',
      },
    ]
  }
  if (before.fingerprint === after.fingerprint) return []
  const findings = [
    ...compareStores(before, after),
    ...compareRepartitions(before, after),
    ...compareSources(before, after),
  ]
  return [
    ...findings,
    {
      verdict: 'compatible',
      what: 'the graph is another one',
      hint: 'Stop every instance before the first one of the new version starts.',
    },
  ]
}

function compareRepartitions(before: TopologyLock, after: TopologyLock): readonly Finding[] {
  return Object.entries(before.repartitions).flatMap(([name, old]): readonly Finding[] => {
    const now = after.repartitions[name]
    const topic = `${before.applicationId}-${name}-repartition`
    if (now === undefined) {
      return [
        {
          verdict: 'loss',
          what: `repartition topic "${topic}" is gone`,
          hint: 'What is in it and not read yet is lost. Compare with the cluster (--brokers): if nothing is, all is well.',
        },
      ]
    }
    const findings: Finding[] = []
    if (old.partitions !== now.partitions) {
      findings.push({
        verdict: 'reset',
        what: `repartition topic "${topic}" is to have ${counted(now.partitions)}, and had ${counted(old.partitions)}`,
        hint: 'Keys would be looked for in other partitions. Stop every instance, delete it with the stores behind it, and begin anew.',
      })
    }
    for (const part of ['key', 'value'] as const) {
      if (old[part] === now[part]) continue
      findings.push({
        verdict: 'reset',
        what: `the ${part}s in repartition topic "${topic}" were written with ${old[part]} and are read with ${now[part]}`,
        hint: 'Let the old version read what is in it before the new one starts, or begin anew.',
      })
    }
    return findings
  })
}

const counted = (partitions: number | null): string =>
  partitions === null ? 'as many partitions as its source' : `${partitions} partitions`

function compareSources(before: TopologyLock, after: TopologyLock): readonly Finding[] {
  const [old, now] = [Object.keys(before.sources), Object.keys(after.sources)]
  return [
    ...now
      .filter((topic) => !old.includes(topic))
      .map((topic) => ({
        verdict: 'compatible' as const,
        what: `topic "${topic}" is read too`,
        hint: 'It is read from where its source says: `reset`.',
      })),
    ...old
      .filter((topic) => !now.includes(topic))
      .map((topic) => ({
        verdict: 'compatible' as const,
        what: `topic "${topic}" is not read any more`,
        hint: 'Kafka forgets after some days how far it was read.',
      })),
  ]
}
