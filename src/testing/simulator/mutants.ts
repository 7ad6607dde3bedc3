import { assert } from '../../core/errors.ts'
import type { Transform } from './transforms.ts'

/** A bug that somebody may make, planted in our own code. */
export interface Mutant extends Transform {
  readonly name: string
  readonly why: string
  /** Seeds that find it, the quickest first, for the test that looks whether they still do. */
  readonly seeds: readonly number[]
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
    seeds: [],
  },
  {
    name: 'commit-before-acknowledged',
    why: 'the transaction ends while records are still on their way',
    file: 'kafka/client/producer.ts',
    find: 'await this.flush()\n      await inGenerationOf(member, successorOf, (each) =>\n        transaction',
    replace: 'await inGenerationOf(member, successorOf, (each) =>\n        transaction',
    seeds: [],
  },
  {
    name: 'checkpoint-before-end-txn',
    why: 'local stores are written before Kafka has committed',
    file: 'runtime/commit/committer.ts',
    find: 'for (const task of toCommit) onBehalfOf(task.id, () => task.prepareCommit())',
    replace: `for (const task of toCommit) onBehalfOf(task.id, () => task.prepareCommit())
    await this.checkpoint(tasks, producer)`,
    seeds: [],
  },
  {
    name: 'offset-too-far',
    why: 'the committed offset passes a record that was not processed',
    file: 'runtime/task/task.ts',
    find: 'return { topic, partition, offset, metadata }',
    replace: 'return { topic, partition, offset: offset + 1, metadata }',
    seeds: [],
  },
  {
    name: 'offset-too-near',
    why: 'the committed offset leaves out the last record',
    file: 'runtime/task/task.ts',
    find: 'return { topic, partition, offset, metadata }',
    replace: 'return { topic, partition, offset: Math.max(0, offset - 1), metadata }',
    seeds: [],
  },
  {
    name: 'cache-not-flushed',
    why: 'what is in the cache does not belong to the commit',
    file: 'runtime/task/task.ts',
    find: '    this.stores.flush()\n',
    replace: '',
    seeds: [],
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
    seeds: [],
  },
  {
    name: 'sequence-not-kept',
    why: 'a batch that is sent again has another sequence number',
    file: 'kafka/client/outgoing-partition.ts',
    find: 'this.#nextSequence = (baseSequence + count) % SEQUENCES',
    replace: 'this.#nextSequence = baseSequence',
    seeds: [],
  },
]

const readers: readonly Mutant[] = [
  {
    name: 'standby-reads-uncommitted',
    why: 'a standby follows what may yet be aborted',
    file: 'runtime/thread/standbys.ts',
    find: `isolation: 'read_committed',`,
    replace: `isolation: 'read_uncommitted',`,
    seeds: [],
  },
  {
    name: 'no-aborted-filter',
    why: 'records of aborted transactions are read',
    file: 'kafka/client/readable-batches.ts',
    find: `isolation === 'read_committed' ? aborted : []`,
    replace: '[]',
    seeds: [],
  },
  {
    name: 'no-require-stable',
    why: 'offsets are read while a transaction is about to move them',
    file: 'kafka/client/offsets.ts',
    find: 'port.offsetFetch(groupId, partitions, true)',
    replace: 'port.offsetFetch(groupId, partitions, false)',
    seeds: [],
  },
  {
    name: 'restore-to-last-stable-offset',
    why: 'what is committed and has no marker yet is not restored',
    file: 'runtime/restore/changelog-extents.ts',
    find: `'latest', 'read_uncommitted', LOOKUP`,
    replace: `'latest', 'read_committed', LOOKUP`,
    seeds: [],
  },
  {
    name: 'restore-one-too-late',
    why: 'the first record behind the local position is left out',
    file: 'runtime/restore/store-replay.ts',
    find: '    this.#at = at\n',
    replace: '    this.#at = at === 0 ? at : at + 1\n',
    seeds: [],
  },
  {
    name: 'run-before-restored',
    why: 'a task begins while its stores are still behind',
    file: 'runtime/thread/task-registry.ts',
    find: `if (state !== 'restoring' || task === undefined || restorer.isRestoring(task)) continue`,
    replace: `if (state !== 'restoring' || task === undefined) continue`,
    seeds: [],
  },
]

const groups: readonly Mutant[] = [
  {
    name: 'tasks-kept-when-lost',
    why: 'a thread that was thrown out goes on with what it had',
    file: 'runtime/thread/rebalancer.ts',
    find: `if (membership.state === 'lost') await this.#leaveAll()
    else if`,
    replace: `if (membership.state === 'lost') this.#warmUps = []
    else if`,
    seeds: [],
  },
  {
    name: 'no-rejoin',
    why: 'nobody asks for the tasks that were given up for others',
    file: 'runtime/thread/rebalancer.ts',
    find: 'this.#rejoin = rejoinAfterRevoke',
    replace: 'this.#rejoin = rejoinAfterRevoke && false',
    seeds: [],
  },
  {
    name: 'coordinator-not-proven',
    why: 'offsets are believed that a replaced coordinator remembers',
    file: 'runtime/thread/rebalancer.ts',
    find: 'if (input !== undefined) await this.#options.proveCoordinator(input, member)',
    replace: '',
    seeds: [],
  },
  {
    name: 'revoked-without-commit',
    why: 'a task that moves is closed before its work is committed, and it is lost',
    file: 'runtime/thread/rebalancer.ts',
    find: 'if (revoked.length > 0) await commitAll(revoked)',
    replace: '',
    seeds: [],
  },
]

const stores: readonly Mutant[] = [
  {
    name: 'clock-set-back',
    why: 'what is done from time to time waits for as long as the clock was set back',
    file: 'core/has-passed.ts',
    find: ' || nowMs < sinceMs',
    replace: '',
    seeds: [],
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
    seeds: [],
  },
  {
    name: 'position-before-rows',
    why: 'the first slice of a checkpoint already has the position of the last',
    file: 'runtime/task/task-stores.ts',
    find: 'const reached = isLast ? position : (backend.position(store) ?? 0)',
    replace: 'const reached = isLast ? position : position',
    seeds: [],
  },
  {
    name: 'timers-not-logged',
    why: 'timers are in no changelog, so they do not move with their task',
    file: 'state/timers/timer-rows.ts',
    find: 'this.#changelog?.append(bytesOf(key), value === null ? null : bytesOf(value), timestampMs)',
    replace: '',
    seeds: [],
  },
  {
    name: 'deletes-not-restored',
    why: 'a tombstone in the changelog does not delete the local row',
    file: 'runtime/restore/store-replay.ts',
    find: 'if (entry !== undefined) {',
    replace: 'if (entry !== undefined && entry[1] !== null) {',
    seeds: [],
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
