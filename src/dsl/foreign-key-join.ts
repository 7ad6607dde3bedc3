import type { Meta } from '../core/record.ts'
import { joinAnswer } from '../operators/foreign-key/join-answer.ts'
import { subscribe } from '../operators/foreign-key/subscribe.ts'
import {
  answerSubscription,
  tellSubscribers,
  type Subscriptions,
} from '../operators/foreign-key/subscriptions.ts'
import { answerSerde, subscriptionSerde } from '../operators/foreign-key/subscription.ts'
import type { KeptSides, RowJoiner } from '../operators/join/table-table-join.ts'
import { passingTable, tableSource } from '../operators/table-source.ts'
import { bytes } from '../serde/bytes.ts'
import { json } from '../serde/json.ts'
import type { NodeInput } from '../topology/graph.ts'
import { invalidTopology } from '../topology/invalid-topology.ts'
import { checkKafkaName } from '../topology/names.ts'
import { keyValueStore, storeNameOf } from '../topology/key-value-store.ts'
import type { AnyTableStoreOption, TableStoreOption } from '../topology/versioned-store.ts'
import {
  after,
  declareStore,
  storeStep,
  unknownKey,
  viewOf,
  type AnySerde,
  type Flow,
  type TableFlow,
} from './flow.ts'

/** How a row names a row of the other table, and what the join's topics and stores are called. */
export interface ForeignKeyOptions<K, V, K2, W> {
  /** The key of the other table's row; null where there is none. */
  readonly foreignKey: (value: V, meta: Meta<K>) => K2 | null | undefined
  /**
   * For the store `<name>-subscriptions` and the topics `<application
   * id>-<name>-subscriptions-repartition` and `<application id>-<name>-answers-repartition`.
   */
  readonly name: string
  /** Where the result is kept; a step that reads its rows or their old values needs it. */
  readonly store?: TableStoreOption<K, NonNullable<W>>
}

interface Options {
  readonly foreignKey: (value: never, meta: Meta<never>) => unknown
  readonly name: string
  readonly store?: AnyTableStoreOption
}

type Tables = Readonly<Record<keyof KeptSides, TableFlow>>

/**
 * Rows of the left table with the row of the right one that they name (KIP-213): they subscribe to
 * it through one topic and are answered through another. Answers find their way by the key, so the
 * left table's topic must be partitioned as Kafka does by default.
 */
export function joinByForeignKey(
  isLeft: boolean,
  { left, right }: Tables,
  joiner: RowJoiner,
  { foreignKey, name, store }: Options,
): TableFlow {
  const operator = isLeft ? 'left-join' : 'join'
  checkKafkaName('a foreign-key join', name)
  const views = { left: viewOf(left, left, operator), right: viewOf(left, right, operator) }
  const primary = left.key
  const foreign = right.key
  if (primary === undefined || foreign === undefined) throw unknownKey(`${operator} "${name}"`)
  left.demandOldValues()
  const value = left.value ?? json<unknown>()
  const { from: subscriber } = after(left, {
    operator: 'subscribe',
    name: `subscribe(${name})`,
    create: subscribe({ foreignKey, primary, value, foreign, isLeft }),
  })
  const subscriptions = through(left, `${name}-subscriptions`, [subscriber], {
    write: foreign,
    read: foreign,
    value: subscriptionSerde as AnySerde,
  })
  const raw = bytes as AnySerde
  const kept: Subscriptions = { store: `${name}-subscriptions`, foreign }
  const spec = keyValueStore(kept.store, { key: raw, value: raw, cached: false })
  left.graph.addStore(spec)
  const asked = after(
    { graph: left.graph, from: subscriptions },
    {
      operator: 'answer',
      name: `answer(${name})`,
      stores: [kept.store, ...views.right.stores],
      create: answerSubscription(kept, views.right),
    },
  )
  const told = after(right, {
    operator: 'tell',
    name: `tell(${name})`,
    stores: [kept.store],
    create: tellSubscribers(kept),
  })
  const answers = through(left, `${name}-answers`, [asked.from, told.from], {
    write: raw,
    read: primary,
    value: answerSerde(right.value ?? json<unknown>()) as AnySerde,
  })
  const joined = after(
    { ...left, from: answers, value: undefined },
    {
      operator,
      name: `${operator}(${name})`,
      stores: views.left.stores,
      create: joinAnswer({ rows: views.left, value, isLeft, joiner }),
    },
  )
  return tableOf({ ...joined, rekeyed: false }, name, store)
}

interface Passage {
  readonly write: AnySerde
  readonly read: AnySerde
  readonly value: AnySerde
}

/** Through an internal topic. */
function through(
  { graph }: TableFlow,
  name: string,
  inputs: readonly NodeInput[],
  { write, read, value }: Passage,
): NodeInput {
  const topic = graph.addRepartition({ name, partitions: undefined })
  graph.addSink({ inputs, target: { topic, key: write, value }, partition: undefined })
  return graph.addSource({
    topics: [topic],
    key: read,
    value,
    timestamp: undefined,
    reset: 'earliest',
    onBadRecord: undefined,
    readAs: 'repartition',
  })
}

function tableOf(flow: Flow, name: string, option: AnyTableStoreOption | undefined): TableFlow {
  if (option !== undefined) {
    const storeName = storeNameOf('join', option)
    const store = declareStore(flow.graph, option, flow)
    return storeStep(flow, 'to-table', store, tableSource(storeName))
  }
  const { rekeyed: _, ...table } = after(flow, {
    operator: 'to-table',
    name: `to-table(${name})`,
    create: passingTable,
  })
  const demandOldValues = () => {
    throw invalidTopology(
      `a step needs the old values of the foreign-key join "${name}", which is not kept`,
      `Give the join a store: { foreignKey, name: '${name}', store: '…' }.`,
    )
  }
  return { ...table, demandOldValues, view: undefined }
}
