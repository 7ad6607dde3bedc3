/**
 * What a changed topology comes to for state that is there: it goes on with it; it must begin anew,
 * to be right; or it leaves some of it behind.
 */
export const verdicts = ['compatible', 'reset', 'loss'] as const
export type Verdict = (typeof verdicts)[number]

export interface Finding {
  readonly verdict: Verdict
  /** A fact, in lower case, without a full stop. */
  readonly what: string
  /** What to do about it, or why it is so: a sentence. */
  readonly hint: string
}

/** The worst of all. */
export const verdictOf = (findings: readonly Finding[]): Verdict =>
  findings.reduce<Verdict>(
    (worst, { verdict }) => (verdicts.indexOf(verdict) > verdicts.indexOf(worst) ? verdict : worst),
    'compatible',
  )
