import { assert } from '../../core/errors.ts'
import type { Transform } from './transforms.ts'

/** A bug that somebody may make, planted in our own code. */
export interface Mutant extends Transform {
  readonly name: string
  readonly why: string
  /** So many seeds, from 1 on, are enough to find it. */
  readonly within: number
}

const commits: readonly Mutant[] = [
  {
    name: 'skip-the-fence',
    why: 'offsets are committed without member and generation, so a zombie commits too',
    file: 'kafka/client/transaction.ts',
    find: 'port.txnOffsetCommit(transactionalId, producer, member, offsets)',
    replace: `port.txnOffsetCommit(
        transactionalId,
        producer,
        { ...member, memberId: '', generation: -1, instanceId: null },
        offsets,
      )`,
    within: 1000,
  },
  {
    name: 'commit-before-acknowledged',
    why: 'the transaction ends while records are still on their way',
    file: 'kafka/client/producer.ts',
    find: 'await this.flush()\n      await inGenerationOf(member, successorOf, (each) =>\n        transaction',
    replace: 'await inGenerationOf(member, successorOf, (each) =>\n        transaction',
    within: 20,
  },
  {
    name: 'checkpoint-before-end-txn',
    why: 'local stores are written before Kafka has committed',
    file: 'runtime/commit/committer.ts',
    find: 'for (const task of toCommit) onBehalfOf(task.id, () => task.prepareCommit())',
    replace: `for (const task of toCommit) onBehalfOf(task.id, () => task.prepareCommit())
    await this.checkpoint(tasks, producer)`,
    within: 20,
  },
  {
    name: 'offset-too-far',
    why: 'the committed offset passes a record that was not processed',
    file: 'runtime/task/task.ts',
    find: 'return { topic, partition, offset, metadata }',
    replace: 'return { topic, partition, offset: offset + 1, metadata }',
    within: 20,
  },
  {
    name: 'offset-too-near',
    why: 'the committed offset leaves out the last record',
    file: 'runtime/task/task.ts',
    find: 'return { topic, partition, offset, metadata }',
    replace: 'return { topic, partition, offset: Math.max(0, offset - 1), metadata }',
    within: 20,
  },
  {
    name: 'cache-not-flushed',
    why: 'what is in the cache does not belong to the commit',
    file: 'runtime/task/task.ts',
    find: '    this.stores.flush()\n',
    replace: '',
    within: 20,
  },
]

const producers: readonly Mutant[] = [
  {
    name: 'lost-is-acknowledged',
    why: 'a batch whose answer got lost counts as written',
    file: 'kafka/client/sender.ts',
    find: '      this.#retry(partitions, error)\n    }\n    this.schedule()',
    replace: `      const lost = error instanceof KafkaError && error.kind === 'network'
      const written = partitions.map((each) => ({
        topic: each.topic,
        partition: each.partition,
        error: null,
        baseOffset: -1,
      }))
      if (lost && !this.#closing.signal.aborted) this.#settle(partitions, written)
      else this.#retry(partitions, error)
    }
    this.schedule()`,
    within: 20,
  },
  {
    name: 'sequence-not-kept',
    why: 'a batch that is sent again has another sequence number',
    file: 'kafka/client/outgoing-partition.ts',
    find: 'this.#nextSequence = (baseSequence + count) % SEQUENCES',
    replace: 'this.#nextSequence = baseSequence',
    within: 20,
  },
]

const readers: readonly Mutant[] = [
  {
    name: 'standby-reads-uncommitted',
    why: 'a standby follows what may yet be aborted',
    file: 'runtime/thread/standbys.ts',
    find: `isolation: 'read_committed',`,
    replace: `isolation: 'read_uncommitted',`,
    within: 20,
  },
  {
    name: 'no-aborted-filter',
    why: 'records of aborted transactions are read',
    file: 'kafka/client/readable-batches.ts',
    find: `isolation === 'read_committed' ? aborted : []`,
    replace: '[]',
    within: 20,
  },
  {
    name: 'no-require-stable',
    why: 'offsets are read while a transaction is about to move them',
    file: 'kafka/client/offsets.ts',
    find: 'port.offsetFetch(groupId, partitions, true)',
    replace: 'port.offsetFetch(groupId, partitions, false)',
    within: 1000,
  },
  {
    name: 'restore-to-last-stable-offset',
    why: 'what is committed and has no marker yet is not restored',
    file: 'runtime/restore/changelog-extents.ts',
    find: `'latest', 'read_uncommitted', LOOKUP`,
    replace: `'latest', 'read_committed', LOOKUP`,
    within: 1000,
  },
  {
    name: 'restore-one-too-late',
    why: 'the first record behind the local position is left out',
    file: 'runtime/restore/restorer.ts',
    find: '    this.#fetcher.assign(topic, partition, at)\n',
    replace: '    this.#fetcher.assign(topic, partition, at === 0 ? at : at + 1)\n',
    within: 1000,
  },
  {
    name: 'run-before-restored',
    why: 'a task begins while its stores are still behind',
    file: 'runtime/thread/task-registry.ts',
    find: `if (state !== 'restoring' || task === undefined || restorer.isRestoring(task)) continue`,
    replace: `if (state !== 'restoring' || task === undefined) continue`,
    within: 20,
  },
]

const groups: readonly Mutant[] = [
  {
    name: 'no-rejoin',
    why: 'nobody asks for the tasks that were given up for others',
    file: 'runtime/thread/rebalancer.ts',
    find: 'this.#rejoin = rejoinAfterRevoke',
    replace: 'this.#rejoin = rejoinAfterRevoke && false',
    within: 20,
  },
  {
    name: 'coordinator-believed',
    why: 'a proof is believed also after the coordinator was looked for again',
    file: 'kafka/client/proven-port.ts',
    find: 'if (!requireStable || (wasProven && doubts === before)) return offsets',
    replace: 'if (!requireStable || wasProven || doubts >= before) return offsets',
    within: 1000,
  },
  {
    name: 'coordinator-not-proven',
    why: 'offsets are believed that a replaced coordinator remembers',
    file: 'runtime/thread/rebalancer.ts',
    find: 'if (input !== undefined) await this.#options.proveCoordinator(input, member)',
    replace: '',
    within: 20,
  },
  {
    name: 'revoked-without-commit',
    why: 'a task that moves is closed before its work is committed, and it is lost',
    file: 'runtime/thread/rebalancer.ts',
    find: 'if (revoked.length > 0) await commitAll(revoked)',
    replace: '',
    within: 20,
  },
]

const stores: readonly Mutant[] = [
  {
    name: 'clock-set-back',
    why: 'what is done from time to time waits for as long as the clock was set back',
    file: 'core/has-passed.ts',
    find: ' || nowMs < sinceMs',
    replace: '',
    within: 1000,
  },
  {
    name: 'dirty-close-writes',
    why: 'a task that is abandoned writes what is not committed',
    file: 'runtime/task/task-stores.ts',
    find: '    this.#checkpointing.length = 0\n',
    replace: `    this.#checkpointing.length = 0
    this.beginCheckpoint(() => undefined)
    while (this.isCheckpointing) this.writeSlice()
`,
    within: 20,
  },
  {
    name: 'position-before-rows',
    why: 'the first slice of a checkpoint already has the position of the last',
    file: 'runtime/task/task-stores.ts',
    find: 'const reached = isLast ? position : (backend.position(store) ?? 0)',
    replace: 'const reached = isLast ? position : position',
    within: 1000,
  },
  {
    name: 'timers-not-logged',
    why: 'timers are in no changelog, so they do not move with their task',
    file: 'state/timers/timer-rows.ts',
    find: 'this.#changelog?.append(bytesOf(key), value === null ? null : bytesOf(value), timestampMs)',
    replace: '',
    within: 20,
  },
]

export const mutants: readonly Mutant[] = [
  ...commits,
  ...producers,
  ...readers,
  ...groups,
  ...stores,
]

export function mutantNamed(name: string): Mutant {
  const found = mutants.find((mutant) => mutant.name === name)
  assert(found !== undefined, `there is a mutant "${name}"`)
  return found
}
