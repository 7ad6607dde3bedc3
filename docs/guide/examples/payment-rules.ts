import {
  json,
  keyValueStore,
  string,
  topic,
  topology,
  type FixedKeyProcessor,
  type GlobalProcessor,
} from 'millrace'

/** A later version of a rule replaces an earlier one; a version that is not active ends it. */
interface Rule {
  readonly version: number
  readonly country: string
  readonly aboveCents: number
  readonly active: boolean
}
type NamedRule = Rule & { readonly name: string }

interface Payment {
  readonly country: string
  readonly cents: number
}
export const rules = topic('payment.rules', { key: string, value: json<Rule>() })
export const payments = topic('payments', { key: string, value: json<Payment>() })
export const alerts = topic('payment.alerts', { key: string, value: string })

const byCountry = keyValueStore('rules-by-country', {
  key: string,
  value: json<readonly NamedRule[]>(),
})

/** Keeps the rules as payments will look for them: those of a country in one row. */
const keepRules: GlobalProcessor<string, Rule> = {
  process: ({ key: name, value: rule }, { store }) => {
    const rows = store<string, readonly NamedRule[]>('rules-by-country')
    const known = rows.get(rule.country) ?? []
    if (known.some((each) => each.name === name && each.version >= rule.version)) return
    const others = known.filter((each) => each.name !== name)
    rows.put(rule.country, [...others, { ...rule, name }])
  },
}

const check: FixedKeyProcessor<string, Payment, string> = {
  process: ({ value: { country, cents } }, { globalStore, forward }) => {
    const found = globalStore<string, readonly NamedRule[]>('rules-by-country').get(country) ?? []
    for (const { name, version, aboveCents, active } of found) {
      if (active && cents > aboveCents) forward({ value: `${name}, version ${version}` })
    }
  },
}

export default topology('payment-checks', (builder) => {
  builder.addGlobalStore(byCountry, rules, keepRules)
  builder.stream(payments).processValues(check, { name: 'check' }).to(alerts)
})
