import { expect, inject, test } from 'vitest'
import { systemClock, type Clock } from '../../core/clock.ts'
import { silentLogger } from '../../core/logger.ts'
import { ManualClock } from '../../core/manual-clock.ts'
import { seededRandom, type Random } from '../../core/random.ts'
import { kafkajsPort } from '../kafkajs/kafkajs-port.ts'
import { endOffset, readAll, retried, uniqueName } from '../port.contract.kit.ts'
import { batchOf, outsider, produceBatch } from '../port.contract.producers.ts'
import { KafkaError, type KafkaPort, type ProducerIdentity } from '../port.ts'
import { SimulatedCluster } from './simulated-cluster.ts'

const SEEDS = 8
const STEPS = 40
/** A real cluster writes its markers behind the answer. */
const MARKERS_MS = 40

/** One of the two clusters that are asked the same questions. */
interface World {
  readonly port: KafkaPort
  readonly clock: Clock
  /** By transactional id: every identity it ever had, so that zombies can speak, too. */
  readonly identities: Record<string, ProducerIdentity[]>
  /** Producer ids in the order they appeared; the numbers themselves differ. */
  readonly producerIds: number[]
}

interface Question {
  readonly text: string
  readonly ask: (world: World) => Promise<unknown>
  readonly endsTransaction?: true
}

interface Names {
  readonly topic: string
  readonly group: string
  readonly ids: readonly string[]
}

/**
 * Random programs over transactions, right ones and wrong ones, by current holders and by
 * zombies.
 */
class Questions {
  readonly #random: Random
  readonly #names: Names
  readonly #version: 1 | 2
  /** How far each identity has got in each partition. */
  readonly #sequences = new Map<string, number>()
  #step = 0

  constructor(seed: number, names: Names, version: 1 | 2) {
    this.#random = seededRandom(seed)
    this.#names = names
    this.#version = version
  }

  /** @param world - decides which identities there are; both worlds have the same */
  next(world: World): readonly Question[] {
    this.#step += 1
    const id = this.#pick(this.#names.ids)
    const known = world.identities[id]!.length
    const holder = this.#random() < 0.75 ? known - 1 : Math.floor(this.#random() * known)
    const partition = Math.floor(this.#random() * 2)
    const choice = this.#random()
    if (choice < 0.08) return [initialise(id)]
    if (choice < 0.45) return this.#produce(id, holder, partition)
    if (choice < 0.55) return this.#commitOffsets(id, holder, partition)
    if (choice < 0.8) return [end(id, holder, this.#pick(['commit', 'commit', 'abort'] as const))]
    if (choice < 0.84) return [this.#commitFromOutside(partition)]
    if (choice < 0.92) return [this.#fetchOffsets(this.#random() < 0.5)]
    return [this.#ends(partition)]
  }

  last(): readonly Question[] {
    return [0, 1].flatMap((partition) =>
      (['read_committed', 'read_uncommitted'] as const).map((isolation) => ({
        text: `read ${partition} ${isolation}`,
        ask: async ({ port }: World) => {
          const read = await readAll(port, this.#names.topic, { partition, isolation })
          return [read.values, read.batches.map(({ baseOffset, control }) => [baseOffset, control])]
        },
      })),
    )
  }

  #produce(id: string, holder: number, partition: number): readonly Question[] {
    const { topic } = this.#names
    const key = `${id} ${holder} ${partition}`
    const expected = this.#sequences.get(key) ?? 0
    const baseSequence = this.#random() < 0.8 ? expected : Math.floor(this.#random() * 4)
    const values = Array.from(
      { length: 1 + Math.floor(this.#random() * 2) },
      (_, each) => `${this.#step}.${each}`,
    )
    const announces = this.#version === 1 && this.#random() < 0.85
    const announce: Question = {
      text: `add ${id}[${holder}] ${partition}`,
      ask: ({ port, identities }) =>
        port.addPartitionsToTxn(id, identities[id]![holder]!, [{ topic, partition }]),
    }
    const send: Question = {
      text: `produce ${id}[${holder}] ${partition} from ${baseSequence} × ${values.length}`,
      ask: async ({ port, clock, identities }) => {
        const producer = identities[id]![holder]!
        const batch = batchOf(values, clock.nowMs(), {
          producer,
          baseSequence,
          transactional: true,
        })
        const offset = await produceBatch(port, topic, batch, { partition, transactionalId: id })
        this.#sequences.set(key, baseSequence + values.length)
        return offset
      },
    }
    return announces ? [announce, send] : [send]
  }

  #commitOffsets(id: string, holder: number, partition: number): readonly Question[] {
    const { topic, group } = this.#names
    const offset = Math.floor(this.#random() * 100)
    const announces = this.#version === 1 && this.#random() < 0.85
    const announce: Question = {
      text: `add offsets ${id}[${holder}]`,
      ask: ({ port, identities }) => port.addOffsetsToTxn(id, identities[id]![holder]!, group),
    }
    const send: Question = {
      text: `commit offsets ${id}[${holder}] ${partition} ${offset}`,
      ask: ({ port, identities }) =>
        port.txnOffsetCommit(id, identities[id]![holder]!, outsider(group), [
          { topic, partition, offset, metadata: '' },
        ]),
    }
    return announces ? [announce, send] : [send]
  }

  #commitFromOutside(partition: number): Question {
    const { topic, group } = this.#names
    const offset = 100 + this.#step
    return {
      text: `commit from outside ${partition} ${offset}`,
      ask: ({ port }) =>
        port.offsetCommit(outsider(group), [{ topic, partition, offset, metadata: '' }]),
    }
  }

  #fetchOffsets(stable: boolean): Question {
    const partitions = [0, 1].map((partition) => ({ topic: this.#names.topic, partition }))
    return {
      text: `fetch offsets ${stable ? 'stable' : 'as they are'}`,
      ask: async ({ port }) => {
        const fetched = await port.offsetFetch(this.#names.group, partitions, stable)
        return fetched.map(({ partition, offset }) => `${partition}: ${offset}`).toSorted()
      },
    }
  }

  #ends(partition: number): Question {
    const { topic } = this.#names
    return {
      text: `ends ${partition}`,
      ask: async ({ port }) => [
        await endOffset(port, topic, 'read_committed', partition),
        await endOffset(port, topic, 'read_uncommitted', partition),
      ],
    }
  }

  #pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.#random() * from.length)] as T
  }
}

const initialise = (id: string): Question => ({
  text: `init ${id}`,
  endsTransaction: true,
  ask: async (world) => remember(world, id, await world.port.initProducerId(id, 60_000)),
})

const end = (id: string, holder: number, outcome: 'commit' | 'abort'): Question => ({
  text: `${outcome} ${id}[${holder}]`,
  endsTransaction: true,
  ask: async (world) =>
    remember(world, id, await world.port.endTxn(id, world.identities[id]![holder]!, outcome)),
})

/** Keeps an identity that is new and names it so that both worlds say the same. */
function remember(world: World, id: string, { producerId, epoch }: ProducerIdentity): string {
  const known = world.identities[id]!
  if (!known.some((each) => each.producerId === producerId && each.epoch === epoch)) {
    known.push({ producerId, epoch })
  }
  if (!world.producerIds.includes(producerId)) world.producerIds.push(producerId)
  return `${world.producerIds.indexOf(producerId)}, epoch ${epoch}`
}

async function answerOf(world: World, { ask }: Question): Promise<unknown> {
  const answer = async (): Promise<unknown> => {
    try {
      return await ask(world)
    } catch (error) {
      if (!(error instanceof KafkaError) || isPassing(error)) throw error
      return `${error.code}, ${error.kind}`
    }
  }
  return await retried(systemClock, answer)
}

/** Says how far the cluster has got with what it has to do, nothing of the request. */
const isPassing = ({ code, kind }: KafkaError): boolean =>
  kind === 'retriable' && code !== 'UNSTABLE_OFFSET_COMMIT'

const newWorld = (port: KafkaPort, clock: Clock, ids: readonly string[]): World => ({
  port,
  clock,
  identities: Object.fromEntries(ids.map((id) => [id, []])),
  producerIds: [],
})

async function connectReal(): Promise<KafkaPort> {
  const brokers = inject('kafkaBrokers')
  const port = kafkajsPort(
    { brokers, clientId: 'beside' },
    { logger: silentLogger, clock: systemClock },
  )
  await port.connect()
  return port
}

test.each(Array.from({ length: SEEDS }, (_, seed) => seed + 1))(
  'answers like a real cluster, whatever is asked (seed %d)',
  async (seed) => {
    const realPort = await connectReal()
    const version = realPort.capabilities().transactionVersion
    const clock = new ManualClock(systemClock.nowMs())
    using cluster = new SimulatedCluster({ clock, transactionVersion: version })
    const simulatedPort = cluster.port('beside')
    await simulatedPort.connect()
    const names = {
      topic: uniqueName('beside'),
      group: uniqueName('beside'),
      ids: [uniqueName('first'), uniqueName('second')],
    }
    const real = newWorld(realPort, systemClock, names.ids)
    const simulated = newWorld(simulatedPort, clock, names.ids)
    for (const { port } of [real, simulated]) {
      await port.createTopics([
        { name: names.topic, partitions: 2, replicationFactor: -1, configs: {} },
      ])
    }
    const questions = new Questions(seed, names, version)
    const told: string[] = []
    const ask = async (question: Question): Promise<void> => {
      const answer = await answerOf(real, question)
      told.push(`${question.text} → ${JSON.stringify(answer)}`)
      expect(await answerOf(simulated, question), told.join('\n')).toEqual(answer)
      if (question.endsTransaction) await systemClock.sleep(MARKERS_MS)
    }
    for (const id of names.ids) await ask(initialise(id))
    for (let step = 0; step < STEPS; step += 1) {
      for (const question of questions.next(real)) await ask(question)
    }
    for (const question of questions.last()) await ask(question)
    await realPort.close()
  },
)
