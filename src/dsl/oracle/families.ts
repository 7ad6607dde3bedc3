import { cogroups } from './families/cogroup.ts'
import { joins } from './families/joins.ts'
import { processors } from './families/processors.ts'
import { stateless } from './families/stateless.ts'
import { streamJoins } from './families/stream-joins.ts'
import { suppressions } from './families/suppress.ts'
import { tables } from './families/tables.ts'
import { versioned } from './families/versioned.ts'
import { windows } from './families/windows.ts'
import type { Families, Family } from './fixture.ts'

const families: Families = {
  ...stateless,
  ...tables,
  ...windows,
  ...joins,
  ...streamJoins,
  ...processors,
  ...suppressions,
  ...cogroups,
  ...versioned,
}

export const familyOf = (name: string): Family | undefined =>
  Object.hasOwn(families, name) ? families[name] : undefined

/** Families that `TopologyTestDriver` cannot run, each with the reason. */
export const unsayable: Readonly<Record<string, string>> = {}
