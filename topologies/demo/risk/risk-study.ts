import { deadLetterHeader } from '../../../src/core/dead-letter.ts'
import { headerText } from '../../../src/core/record.ts'
import risk, { alerts, assessed, failed, tooFast, transactions } from '../../risk.ts'
import { riskWorkload } from '../../risk/workload.ts'
import type { CaseStudy, Output } from '../case-study.ts'
import { RiskAudit } from './risk-audit.ts'
import { RiskFollower } from './risk-follower.ts'
import * as words from './risk-words.ts'

const outputs: readonly Output[] = [
  {
    topic: assessed.name,
    label: 'assessed',
    shown: 1,
    inWords: ({ value }) => words.assessed(value),
  },
  {
    topic: tooFast.name,
    label: 'too fast',
    shown: 1,
    inWords: ({ value }) => words.transaction(value),
  },
  {
    topic: alerts.name,
    label: 'alerts',
    style: 'yellow',
    shown: 2,
    inWords: ({ value }) => words.alert(value),
  },
  {
    topic: failed.name,
    label: 'dead letters',
    style: 'red',
    shown: 1,
    inWords: ({ value, headers }) =>
      `${headerText(headers, deadLetterHeader.message) ?? ''}: ${value}`,
  },
]

export const riskStudy: CaseStudy = {
  topology: risk,
  file: 'topologies/risk.ts',
  inputs: [transactions.name],
  loops: [],
  internal: ['risk-told-per-hour-repartition'],
  outputs,
  workload: riskWorkload,
  inputInWords: ({ value }) => words.transaction(value),
  newFollower: (run) => new RiskFollower(run),
  newAudit: (run) => new RiskAudit(run),
}
