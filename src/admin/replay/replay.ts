import { messageOf, StreamsError } from '../../core/errors.ts'
import type { Offset } from '../../core/record.ts'
import { topicPartitionKey, type TopicPartition } from '../../core/topic-partition.ts'
import { listOffsetsRetrying } from '../../kafka/client/offsets.ts'
import { retrying } from '../../kafka/client/retrying.ts'
import { KafkaError, type CommittedOffset } from '../../kafka/port.ts'
import { formatCommitMetadata, parseCommitMetadata } from '../../runtime/task/commit-metadata.ts'
import {
  patience,
  planReplay,
  readCommitted,
  type Committed,
  type ReplayDeps,
  type ReplayOptions,
  type ReplayPlan,
} from './plan-replay.ts'
import { refuseWhileActive, SoleMember } from './sole-member.ts'

const LOOKUP = { timeoutMs: 60_000 }
const GONE_WITHIN_MS = 60_000
const LOOK_AGAIN_AFTER_MS = 100

/**
 * Sets the committed offsets of an application to where its input is to be read again and, unless
 * told otherwise, takes its state back: changelogs are deleted, repartition topics emptied, and
 * whatever local stores of its instances hold, on whatever machine, counts for nothing any more.
 *
 * `confirm` is shown the plan, and nothing is changed unless it says true. Resolves to the plan and
 * whether it was carried out. Rejects with `GROUP_ACTIVE` while the group has members, and as
 * {@link planReplay}. Interrupted at any point it goes on when it is called again; instances that
 * start meanwhile end with `REPLAY_UNFINISHED`.
 */
export async function replay(
  deps: ReplayDeps,
  options: ReplayOptions,
  confirm: (plan: ReplayPlan) => boolean | Promise<boolean>,
): Promise<{ readonly plan: ReplayPlan; readonly done: boolean }> {
  await refuseWhileActive(deps.port, deps.clock, deps.applicationId)
  const plan = await planReplay(deps, options)
  if (!(await confirm(plan))) return { plan, done: false }
  await new Replay(deps, plan).carryOut()
  return { plan, done: true }
}

/**
 * enter the group → mark → delete changelogs, empty topics → set offsets → leave. As the only
 * member of the group it keeps all others out while it is at work; if it dies, the mark does,
 * beside the old offsets. Each step does no harm when it is done twice.
 */
class Replay {
  readonly #deps: ReplayDeps
  readonly #plan: ReplayPlan
  readonly #member: SoleMember
  /** Something is gone that cannot be brought back. */
  #isCommittedTo: boolean

  constructor(deps: ReplayDeps, plan: ReplayPlan) {
    this.#deps = deps
    this.#plan = plan
    // Not even another replay is to be let in.
    this.#member = new SoleMember(deps, deps.applicationId, `millrace-replay-${plan.id}`)
    this.#isCommittedTo = plan.isResumed
  }

  async carryOut(): Promise<void> {
    try {
      await this.#member.enter()
      await this.#work()
    } catch (error) {
      throw this.#isCommittedTo ? unfinished(error, this.#plan) : error
    } finally {
      await this.#member.leave()
    }
  }

  async #work(): Promise<void> {
    const { partitions, repartitions, keepsState } = this.#plan
    const before = await readCommitted(this.#deps, [...partitions, ...repartitions])
    this.#refuseIfMoved(before)
    if (keepsState) {
      await this.#member.commit(partitions.map((each) => this.#keeping(each, before)))
      return
    }
    await this.#mark(before)
    try {
      for (const changelog of this.#plan.changelogs) await this.#delete(changelog)
      await this.#empty([...repartitions, ...(await this.#partitionsOf(this.#plan.outputs))])
    } catch (error) {
      // Where that fails too, the replay is unfinished, as it would be without it.
      if (!this.#isCommittedTo) await this.#unmark(before).catch(() => {})
      throw error
    }
    this.#isCommittedTo = true
    await this.#member.commit(await this.#targets())
  }

  /** Whoever asked was shown other offsets. */
  #refuseIfMoved(before: ReadonlyMap<string, Committed>): void {
    const moved = this.#plan.partitions.find((each) => {
      const { offset, isFresh } = before.get(keyOf(each))!
      return (isFresh ? null : offset) !== each.from
    })
    if (moved === undefined) return
    throw new StreamsError('GROUP_ACTIVE', {
      message: `the committed offset of ${keyOf(moved)} has moved since the replay was planned`,
      hint: 'Stop every instance, and run the replay again.',
    })
  }

  /** The old offsets stay, so that a replay that is run again has something to go by. */
  async #mark(before: ReadonlyMap<string, Committed>): Promise<void> {
    const { id } = this.#plan
    const marks = [...before.values()].map(({ topic, partition, offset, metadata, isFresh }) => ({
      topic,
      partition,
      offset: offset ?? 0,
      metadata: formatCommitMetadata({ ...parseCommitMetadata(metadata), replay: id, isFresh }),
    }))
    await this.#member.commit(marks)
  }

  /** As it was: where nothing had been committed, the metadata goes on saying so. */
  async #unmark(before: ReadonlyMap<string, Committed>): Promise<void> {
    const offsets = [...before.values()].map(({ topic, partition, offset, metadata, isFresh }) => ({
      topic,
      partition,
      offset: offset ?? 0,
      metadata: formatCommitMetadata({ ...parseCommitMetadata(metadata), isFresh }),
    }))
    await this.#member.commit(offsets)
  }

  /**
   * By its id where there is one: a request that comes late must not take the next one away. Gone
   * is what no broker that is asked knows any more: an instance would take it for its own.
   */
  async #delete(topic: string): Promise<void> {
    const { port, clock } = this.#deps
    const look = async (): Promise<string | undefined> =>
      (await retrying(clock, patience, () => port.metadata([topic]))).get(topic)?.id
    const id = await look()
    if (id === undefined) return
    await this.#forGood(async () => {
      try {
        await (id === '' ? port.deleteTopics([topic]) : port.deleteTopicsById([id]))
      } catch (error) {
        if (!isUnknown(error)) throw error
      }
    })
    const untilMs = clock.nowMs() + GONE_WITHIN_MS
    while ((await look()) === id) {
      if (clock.nowMs() > untilMs) throw stillThere(topic)
      await clock.sleep(LOOK_AGAIN_AFTER_MS)
    }
  }

  async #empty(partitions: readonly TopicPartition[]): Promise<void> {
    const { port } = this.#deps
    const [starts, ends] = [await this.#look(partitions, 'earliest'), await this.#ends(partitions)]
    const full = partitions
      .map((each) => ({ ...each, before: ends.get(keyOf(each)) ?? 0 }))
      .filter((each) => each.before > (starts.get(keyOf(each)) ?? 0))
    if (full.length === 0) return
    await this.#forGood(() => port.deleteRecords(full))
  }

  /** Of a request whose answer was lost nobody knows whether it was carried out. */
  async #forGood(request: () => Promise<void>): Promise<void> {
    await retrying(this.#deps.clock, patience, async () => {
      try {
        await request()
      } catch (error) {
        if (error instanceof KafkaError && error.kind === 'network') this.#isCommittedTo = true
        throw error
      }
    })
    this.#isCommittedTo = true
  }

  async #partitionsOf(topics: readonly string[]): Promise<readonly TopicPartition[]> {
    const { port, clock } = this.#deps
    if (topics.length === 0) return []
    const found = await retrying(clock, patience, () => port.metadata(topics))
    return [...found].flatMap(([topic, { partitions }]) =>
      partitions.map(({ id }) => ({ topic, partition: id })),
    )
  }

  #look(
    partitions: readonly TopicPartition[],
    at: 'earliest' | 'latest',
  ): Promise<ReadonlyMap<string, Offset | null>> {
    const { port, clock } = this.#deps
    return listOffsetsRetrying(port, clock, partitions, at, 'read_uncommitted', LOOKUP)
  }

  /** Also behind what an instance that was killed left open: it will be aborted. */
  #ends(partitions: readonly TopicPartition[]): Promise<ReadonlyMap<string, Offset | null>> {
    return this.#look(partitions, 'latest')
  }

  /** What was emptied is read on from its end. */
  async #targets(): Promise<readonly CommittedOffset[]> {
    const { partitions, repartitions, outputs, id } = this.#plan
    const metadata = formatCommitMetadata({ generation: id })
    const emptied = [...repartitions, ...partitions.filter(({ topic }) => outputs.includes(topic))]
    const ends = await this.#ends(emptied)
    const inputs = partitions.filter(({ topic }) => !outputs.includes(topic))
    return [
      ...inputs.map(({ topic, partition, to }) => ({ topic, partition, offset: to, metadata })),
      ...emptied.map(({ topic, partition }) => {
        const offset = ends.get(topicPartitionKey(topic, partition)) ?? 0
        return { topic, partition, offset, metadata }
      }),
    ]
  }

  /** Stream time begins anew, or what is read again would be late. */
  #keeping(
    { topic, partition, to }: ReplayPlan['partitions'][number],
    before: ReadonlyMap<string, Committed>,
  ): CommittedOffset {
    const { generation } = parseCommitMetadata(
      before.get(topicPartitionKey(topic, partition))!.metadata,
    )
    return { topic, partition, offset: to, metadata: formatCommitMetadata({ generation }) }
  }
}

const keyOf = ({ topic, partition }: TopicPartition): string => topicPartitionKey(topic, partition)

const isUnknown = (error: unknown): boolean =>
  error instanceof KafkaError &&
  (error.code === 'UNKNOWN_TOPIC_ID' || error.code === 'UNKNOWN_TOPIC_OR_PARTITION')

/** Said with its reason, for the application cannot run until it is finished. */
function unfinished(error: unknown, { id, applicationId }: ReplayPlan): StreamsError {
  return new StreamsError('REPLAY_UNFINISHED', {
    message: `replay ${id} of application "${applicationId}" was interrupted: ${messageOf(error)}`,
    hint: 'Run the replay again: it goes on where it was. Until then no instance starts.',
    cause: error,
  })
}

const stillThere = (topic: string): KafkaError =>
  new KafkaError(
    'TOPIC_DELETION_PENDING',
    'retriable',
    `topic "${topic}" was deleted, and brokers still know it after ${GONE_WITHIN_MS / 1_000} s`,
  )
