import type { Clock } from '../core/clock.ts'
import { StreamsError } from '../core/errors.ts'
import { taskId, type TaskId } from '../core/task-id.ts'
import { partitionForKey } from '../kafka/wire/murmur2.ts'
import { askForRows, askForValue, PeerFailure, type Peer } from '../query/peers.ts'
import {
  furthestBehind,
  type RowsAnswer,
  type RowsQuestion,
  type ValueAnswer,
  type ValueQuestion,
} from '../query/question.ts'
import { merged } from '../query/scan.ts'
import type { GroupView } from '../runtime/assignment/subscription.ts'
import { bearer } from '../server/bearer-token.ts'
import type { Topology } from '../topology/topology.ts'
import type { StreamWorker } from './stream-worker.ts'

/** A task that moves is asked for once more, as soon as the group says where it is, or so late. */
const ASK_AGAIN_AFTER_MS = 500
const LOOK_EVERY_MS = 20

/** What is asked of a thread. */
export type QueriedThread = Pick<StreamWorker, 'get' | 'scan' | 'group'>

export interface StoreReaderParts {
  readonly topology: Topology
  /** Of this process. */
  readonly processId: string
  readonly threads: () => readonly QueriedThread[]
  readonly clock: Clock
  /** What every instance's HTTP asks for; undefined: nothing. */
  readonly token?: string | undefined
}

/** Why somebody could not be asked, by what was asked of whom. */
type Failures = string[]

/**
 * Rows and values of the whole application: of the tasks that run here, and of those that run
 * elsewhere from the instances that run them. An answer is complete, or there is none.
 */
export class StoreReader {
  readonly #parts: StoreReaderParts

  constructor(parts: StoreReaderParts) {
    this.#parts = parts
  }

  /** As the last rebalance that any thread here has seen; undefined before the first. */
  get group(): GroupView | undefined {
    return this.#parts
      .threads()
      .flatMap(({ group }) => group ?? [])
      .reduce<GroupView | undefined>(
        (latest, each) => (latest && latest.generation >= each.generation ? latest : each),
        undefined,
      )
  }

  get processId(): string {
    return this.#parts.processId
  }

  /** The task that a key of a store belongs to; undefined while the group has not said. */
  taskOf(store: string, owner: Uint8Array): TaskId | undefined {
    const subTopology = this.#subTopologyOf(store)
    const count = subTopology === undefined ? undefined : this.group?.counts.get(subTopology)
    if (subTopology === undefined || count === undefined) return undefined
    return taskId(subTopology, partitionForKey(owner, count))
  }

  #subTopologyOf(store: string): number | undefined {
    return this.#parts.topology.subTopologies.find(({ stores }) => stores.includes(store))?.id
  }

  /** Of the tasks of this process; undefined where none of them owns the key. */
  async ownValue(question: ValueQuestion): Promise<ValueAnswer | undefined> {
    const answers = await Promise.all(this.#parts.threads().map((each) => each.get(question)))
    const found = answers.filter((each) => each !== undefined)
    return found.find(({ lag }) => lag === undefined) ?? found[0]
  }

  /** Of the tasks of this process, of whatever they are. */
  async ownRows(question: RowsQuestion): Promise<RowsAnswer> {
    const answers = await Promise.all(this.#parts.threads().map((each) => each.scan(question)))
    const found = answers.filter((each) => each !== undefined)
    return found.find(({ isGlobal }) => isGlobal) ?? together(found, question)
  }

  /** `STORE_UNAVAILABLE` where nobody who owns the key can be asked. */
  async value(question: ValueQuestion, isLocal: boolean): Promise<ValueAnswer> {
    for (let attempt = 1; ; attempt += 1) {
      const own = await this.ownValue(question)
      if (own !== undefined) return own
      if (isLocal) throw notHere(question.store)
      const failures: Failures = []
      const { group } = this
      const task = this.taskOf(question.store, question.owner)
      for (const peer of task === undefined ? [] : this.#peersWith(task, question.standby)) {
        const answer = await reporting(failures, async () => {
          const found = await askForValue(peer, question)
          if (found !== undefined) return found
          throw new PeerFailure(`${peer.server} does not run it at the moment`)
        })
        if (answer !== undefined) return answer
      }
      if (attempt === 2) throw this.#unavailable(question.store, task ?? '', failures)
      await this.#later(group)
    }
  }

  /** `STORE_UNAVAILABLE` where any of the tasks that have such rows cannot be asked. */
  async rows(question: RowsQuestion, isLocal: boolean): Promise<RowsAnswer> {
    for (let attempt = 1; ; attempt += 1) {
      const own = await this.ownRows(question)
      if (own.isGlobal) return own
      if (isLocal) {
        if (own.tasks.length === 0) throw notHere(question.store)
        return own
      }
      const failures: Failures = []
      const { group } = this
      const wanted = this.#tasksWith(question)
      const answers = [own, ...(await this.#askPeers(question, wanted, own.tasks, failures))]
      const covered = new Set(answers.flatMap(({ tasks }) => tasks))
      const missing = wanted.filter((task) => !covered.has(task))
      if (wanted.length > 0 && missing.length === 0) return together(answers, question)
      if (attempt === 2) throw this.#unavailable(question.store, missing.join(', '), failures)
      await this.#later(group)
    }
  }

  /** The tasks whose rows are asked for. */
  #tasksWith({ store, scan }: RowsQuestion): readonly TaskId[] {
    if (scan.kind === 'fetch') {
      const task = this.taskOf(store, scan.key)
      return task === undefined ? [] : [task]
    }
    const subTopology = this.#subTopologyOf(store)
    if (subTopology === undefined) return []
    const count = this.group?.counts.get(subTopology) ?? 0
    return Array.from({ length: count }, (_, partition) => taskId(subTopology, partition))
  }

  /** Each task of the first instance that should run it, then of the next that may do. */
  async #askPeers(
    question: RowsQuestion,
    wanted: readonly TaskId[],
    own: readonly TaskId[],
    failures: Failures,
  ): Promise<readonly RowsAnswer[]> {
    const answers: RowsAnswer[] = []
    let missing = wanted.filter((task) => !own.includes(task))
    for (let choice = 0; missing.length > 0; choice += 1) {
      const byPeer = new Map<string, { readonly peer: Peer; readonly tasks: TaskId[] }>()
      for (const task of missing) {
        const peer = this.#peersWith(task, question.standby)[choice]
        if (peer === undefined) continue
        const { tasks = [] } = byPeer.get(peer.processId) ?? {}
        byPeer.set(peer.processId, { peer, tasks: [...tasks, task] })
      }
      if (byPeer.size === 0) break
      const asked = [...byPeer.values()].map(({ peer, tasks }) => {
        const partitions = tasks.map((task) => Number(task.split('_')[1]))
        return reporting(failures, () => askForRows(peer, { ...question, partitions }))
      })
      for (const answer of await Promise.all(asked)) if (answer !== undefined) answers.push(answer)
      const covered = new Set(answers.flatMap(({ tasks }) => tasks))
      missing = missing.filter((task) => !covered.has(task))
    }
    return answers
  }

  /** Other instances that have a task: who runs it, then who follows it where that will do. */
  #peersWith(task: TaskId, standby: boolean): readonly Peer[] {
    const { processId, token } = this.#parts
    const authorization = token === undefined ? undefined : bearer(token)
    const others = (this.group?.members ?? [])
      .filter((each) => each.processId !== processId)
      .map((each) => ({ ...each, authorization }))
    return [
      ...others.filter(({ active }) => active.includes(task)),
      ...(standby ? others.filter((each) => each.standby.includes(task)) : []),
    ]
  }

  /** Until the group has said something new, but not for long. */
  async #later(seen: GroupView | undefined): Promise<void> {
    const { clock } = this.#parts
    const untilMs = clock.nowMs() + ASK_AGAIN_AFTER_MS
    while (this.group?.generation === seen?.generation && clock.nowMs() < untilMs) {
      await clock.sleep(LOOK_EVERY_MS)
    }
  }

  #unavailable(store: string, tasks: string, failures: Failures): StreamsError {
    const { group } = this
    const isAlone = group !== undefined && group.members.length === 0
    const why = failures.length > 0 ? failures.join('; ') : 'nobody here runs it now'
    return new StreamsError('STORE_UNAVAILABLE', {
      message:
        tasks === ''
          ? `store "${store}" cannot be asked: this process has no place in the group yet`
          : `store "${store}" of task ${tasks} cannot be asked: ${why}`,
      hint: isAlone
        ? 'Ask again when the application is running. Where other instances run: give each an address (--application-server) to be asked at.'
        : 'Ask again when the group has settled; see docs/guide/queries.md for what a copy can answer meanwhile.',
    })
  }
}

/** Of several threads or instances as one. */
const together = (answers: readonly RowsAnswer[], { scan, limit }: RowsQuestion): RowsAnswer => ({
  ...merged(
    answers.filter(({ tasks }) => tasks.length > 0),
    scan,
    limit,
  ),
  tasks: answers.flatMap(({ tasks }) => tasks),
  isGlobal: false,
  lag: answers.map(({ lag }) => lag).reduce(furthestBehind, undefined),
})

/** Notes why an instance could not be asked; anything else is thrown. */
async function reporting<T>(failures: Failures, ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask()
  } catch (error) {
    if (!(error instanceof PeerFailure)) throw error
    failures.push(error.message)
    return undefined
  }
}

const notHere = (store: string): StreamsError =>
  new StreamsError('STORE_UNAVAILABLE', {
    message: `no running task of this process has that of store "${store}"`,
    hint: 'Ask again when the application is running, or ask without `local`.',
  })
