import { assert } from '../../core/errors.ts'
import type { Random } from '../../core/random.ts'
import { answerLost } from './refusal.ts'

/** Which brokers are up, and which of them coordinates what. Nodes are numbered from 1. */
export class Brokers {
  readonly nodes: readonly number[]
  readonly #random: Random
  readonly #down = new Set<number>()
  /** Coordinators by what they coordinate, for example `group orders`. */
  readonly #coordinators = new Map<string, number>()
  /** Who has not noticed yet that it coordinates this no longer. */
  readonly #sleepers = new Map<string, number>()

  constructor(count: number, random: Random) {
    assert(count >= 1, 'a cluster has a broker')
    this.nodes = Array.from({ length: count }, (_, index) => index + 1)
    this.#random = random
  }

  isUp(node: number): boolean {
    return this.nodes.includes(node) && !this.#down.has(node)
  }

  get up(): readonly number[] {
    return this.nodes.filter((node) => this.isUp(node))
  }

  setDown(node: number): void {
    assert(this.nodes.includes(node), `broker ${node} exists`)
    this.#down.add(node)
  }

  setUp(node: number): void {
    this.#down.delete(node)
  }

  /** The broker a new leader or coordinator is placed on; undefined while none is up. */
  another(than: number): number | undefined {
    const candidates = this.up.filter((node) => node !== than)
    return candidates[Math.floor(this.#random() * candidates.length)]
  }

  /** What a FindCoordinator request would answer; throws `network` while no broker is up. */
  coordinatorOf(key: string): number {
    const known = this.#coordinators.get(key) ?? this.nodes[hash(key) % this.nodes.length]!
    const node = this.isUp(known) ? known : this.another(known)
    if (node === undefined) throw answerLost('no broker is up')
    this.#coordinators.set(key, node)
    return node
  }

  /** As a client finds it: any broker is asked, and one that sleeps still names itself. */
  findCoordinator(key: string): number {
    const sleeper = this.#sleepers.get(key)
    const asksIt = sleeper !== undefined && this.#random() < 1 / this.nodes.length
    return asksIt && this.isUp(sleeper) ? sleeper : this.coordinatorOf(key)
  }

  /** True while the node answers what it knew when it was the coordinator. */
  sleptThroughMove(key: string, node: number | null): boolean {
    return this.#sleepers.get(key) === node && this.coordinatorOf(key) !== node
  }

  /** Returns what wakes the one that is replaced; undefined where nobody else is up. */
  replaceUnnoticed(key: string): (() => void) | undefined {
    const node = this.coordinatorOf(key)
    const next = this.another(node)
    if (next === undefined) return undefined
    this.#coordinators.set(key, next)
    this.#sleepers.set(key, node)
    return () => {
      if (this.#sleepers.get(key) === node) this.#sleepers.delete(key)
    }
  }

  moveCoordinator(key: string, to: number | undefined = this.another(this.coordinatorOf(key))) {
    if (to === undefined) return
    this.#coordinators.set(key, to)
    this.#sleepers.delete(key)
  }
}

/** Spreads names over brokers, the same way in every run. */
export function hash(text: string): number {
  let sum = 0
  for (const letter of text) sum = (Math.imul(sum, 31) + (letter.codePointAt(0) ?? 0)) >>> 0
  return sum
}
