import type { PlannedChangelog } from '../../runtime/assignment/partition-plan.ts'
import type { Finding } from '../../topology/lock/finding.ts'
import { isInternalTo, viewCluster, type ClusterDeps, type ClusterView } from './cluster-view.ts'

const RESET = 'Begin anew: `millrace replay <topology.ts> --to-earliest`.'

/**
 * What the topology would meet on the cluster: its internal topics, what lies in those that it does
 * not know, and how far its group is. Changes nothing. Rejects with `TOPIC_MISSING` and
 * `TOPIC_MISMATCHED` where the application could not start.
 */
export async function checkCluster(deps: ClusterDeps): Promise<readonly Finding[]> {
  const view = await viewCluster(deps)
  const known = [
    ...view.plan.changelogs.flatMap((changelog) => changelogFindings(changelog, deps, view)),
    ...view.plan.repartitions.flatMap((topic) => repartitionFindings(topic, view)),
  ]
  return [...known, ...strangers(deps, view), ...groupFindings(deps, view)]
}

function changelogFindings(
  { topic, store, partitions }: PlannedChangelog,
  { topology, applicationId }: ClusterDeps,
  view: ClusterView,
): readonly Finding[] {
  const subTopology = topology.subTopologies.find(({ stores }) => stores.includes(store))
  const tasks = view.plan.tasks.filter((task) => task.subTopology === subTopology?.id)
  const isBegun = view.hasRead(tasks.flatMap(({ sources }) => sources))
  const actual = view.topics.get(topic)?.partitions.length
  if (actual === undefined) {
    if (!isBegun) return []
    return [
      {
        verdict: 'reset',
        what: `store "${store}" has no changelog, but group "${applicationId}" has read its input`,
        hint: `Records before where the group is would not be in it. ${RESET}`,
      },
    ]
  }
  if (actual !== partitions) {
    return [
      {
        verdict: 'reset',
        what: `changelog "${topic}" has ${actual} partitions, and the input of store "${store}" has ${partitions}`,
        hint: 'Keys would be looked for in other partitions: go back to the old count, or delete it and begin anew.',
      },
    ]
  }
  const policy = view.policies.get(topic) ?? ''
  if (!policy.split(',').includes('compact')) {
    return [
      {
        verdict: 'loss',
        what: `changelog "${topic}" has cleanup.policy=${policy}`,
        hint: 'Kafka deletes rows from it: alter it to compact, or for windows to compact,delete.',
      },
    ]
  }
  if (isBegun || view.held(topic) === 0) return []
  return [
    {
      verdict: 'reset',
      what: `store "${store}" has rows, but group "${applicationId}" has no offset for its input`,
      hint: `What its source resets to is counted once more: offsets are forgotten after some days without members. ${RESET}`,
    },
  ]
}

function repartitionFindings(
  { topic, partitions }: { readonly topic: string; readonly partitions: number },
  { topics }: ClusterView,
): readonly Finding[] {
  const actual = topics.get(topic)?.partitions.length
  if (actual === undefined || actual === partitions) return []
  return [
    {
      verdict: 'reset',
      what: `repartition topic "${topic}" has ${actual} partitions, and must have ${partitions}`,
      hint: 'Keys would be looked for in other partitions: go back to the old count, or delete it and begin anew.',
    },
  ]
}

/** Internal topics of this application that no step of the topology has. */
function strangers({ applicationId }: ClusterDeps, view: ClusterView): readonly Finding[] {
  const { plan, topics, otherGroups } = view
  const known = new Set([...plan.changelogs, ...plan.repartitions].map(({ topic }) => topic))
  const isOfOthers = (topic: string): boolean =>
    otherGroups.some((group) => group.length > applicationId.length && isInternalTo(group, topic))
  return [...topics.keys()]
    .filter((topic) => isInternalTo(applicationId, topic) && !known.has(topic))
    .filter((topic) => !isOfOthers(topic))
    .toSorted()
    .flatMap((topic) => strangerFindings(topic, view))
}

function strangerFindings(topic: string, view: ClusterView): readonly Finding[] {
  if (topic.endsWith('-changelog')) {
    if (view.held(topic) === 0) return []
    return [
      {
        verdict: 'loss',
        what: `topic "${topic}" holds the rows of a store that the topology does not have`,
        hint: 'If the store was renamed, give it its old name; if it is not needed, delete the topic.',
      },
    ]
  }
  const unread = view.unread(topic)
  if (unread === 0) return []
  return [
    {
      verdict: 'loss',
      what: `topic "${topic}", which the topology does not have, holds ${unread === 1 ? 'a record that was' : `${unread} records that were`} not read`,
      hint: 'Let the old version read them before the new one starts, or delete the topic.',
    },
  ]
}

function groupFindings(
  { applicationId }: ClusterDeps,
  { members, replay }: ClusterView,
): readonly Finding[] {
  return [
    ...(replay === undefined
      ? []
      : [
          {
            verdict: 'reset' as const,
            what: `replay ${replay} has begun and not ended`,
            hint: 'Run it again as it was: it goes on where it was interrupted.',
          },
        ]),
    ...(members === 0
      ? []
      : [
          {
            verdict: 'compatible' as const,
            what: `group "${applicationId}" has ${members} ${members === 1 ? 'member' : 'members'} at work`,
            hint: 'One with another graph is refused as long as they run.',
          },
        ]),
  ]
}
