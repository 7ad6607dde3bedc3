/** All that this folder offers, for the front door. */
export {
  aggregatorOf,
  type Aggregator,
  type AggregatorDefinition,
  type ReversibleAggregator,
} from './aggregator.ts'
export { allOf } from './all-of.ts'
export { averageOf, countOf, maxOf, minOf, sumOf, type LastOption } from './numbers.ts'
export { collectOf, firstOf, lastOf, type CollectOptions } from './ordered.ts'
export { topOf, type TopOptions } from './top.ts'
