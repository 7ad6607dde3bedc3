import {
  aggregatorOf,
  isReversible,
  type Aggregator,
  type ReversibleAggregator,
} from './aggregator.ts'

/** The record says again what the values are, for the compiler to find it. */
type Parts<V, R> = { readonly [N in keyof R]: Aggregator<V, R[N]> } & Readonly<
  Record<string, Aggregator<V, unknown>>
>
type ReversibleParts<V, R> = { readonly [N in keyof R]: ReversibleAggregator<V, R[N]> } & Readonly<
  Record<string, ReversibleAggregator<V, unknown>>
>
type States = Readonly<Record<string, never>>

/** Several aggregators at once: an object with the result of each. */
export function allOf<V, R extends object>(
  parts: ReversibleParts<V, R>,
): ReversibleAggregator<V, { readonly [N in keyof R]: R[N] }>
export function allOf<V, R extends object>(
  parts: Parts<V, R>,
): Aggregator<V, { readonly [N in keyof R]: R[N] }>
export function allOf<V, R extends object>(parts: Parts<V, R>): Aggregator<V, R> {
  const all = Object.entries<Aggregator<V, unknown>>(parts)
  /** A function of each part, and of the states that go with it. */
  const each = (of: (part: Aggregator<V, unknown>, name: string) => unknown) =>
    Object.fromEntries(all.map(([name, part]) => [name, of(part, name)]))
  const reversible = all.every(([, part]) => isReversible(part))
  return aggregatorOf<V, States, R>({
    initial: () => each((part) => part.initial()) as States,
    add: (value, states, meta) =>
      each((part, name) => part.add(value, states[name] as never, meta)) as States,
    merge: (earlier, later) =>
      each((part, name) => part.merge(earlier[name] as never, later[name] as never)) as States,
    result: (states) => each((part, name) => part.result(states[name] as never)) as R,
    ...(reversible
      ? {
          subtract: (value, states, meta) =>
            each((part, name) =>
              (part as ReversibleAggregator<V, unknown>).subtract(
                value,
                states[name] as never,
                meta,
              ),
            ) as States,
        }
      : {}),
  })
}
