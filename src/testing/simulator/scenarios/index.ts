import type { ScenarioMaker } from '../scenario.ts'
import { accounts } from './accounts.ts'
import { retriedCalls } from './calls.ts'
import { counts, wordCounts } from './counts.ts'
import { gathered } from './gathered.ts'
import { joinedPairs } from './pairs.ts'
import { relay } from './relay.ts'
import { reminded } from './reminders.ts'
import { windows } from './windows.ts'

/** What a fleet may have to do, by the seed. */
export const scenarios: Readonly<Record<string, ScenarioMaker>> = {
  relay,
  counts,
  'word counts': wordCounts,
  windows,
  pairs: joinedPairs,
  calls: retriedCalls,
  gathered,
  reminders: reminded,
  accounts,
}
