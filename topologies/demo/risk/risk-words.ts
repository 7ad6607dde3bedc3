import type { Alert, Assessed, Reason, Transaction } from '../../risk/model.ts'
import { inWords, money } from '../words.ts'

export const transaction = (text: string): string =>
  inWords(text, ({ amount, merchant }: Transaction) => `${amountInWords(amount)} to ${merchant}`)

/** Some amounts are none. */
const amountInWords = (amount: unknown): string =>
  typeof amount === 'number' ? money(amount) : JSON.stringify(amount)

export const assessed = (text: string): string =>
  inWords(text, ({ amount, usual, merchant }: Assessed) => {
    const beside = usual === null ? 'of an unknown user' : `usually ${money(usual)}`
    return `${money(amount)} to ${merchant}, ${beside}`
  })

export const alert = (text: string): string =>
  inWords(text, ({ reasons }: Alert) => reasons.map(reasonInWords).join(' and '))

function reasonInWords({ rule, value, limit }: Reason): string {
  switch (rule) {
    case 'unusual amount':
    case 'too much in an hour':
      return `${rule}: ${money(value)}, above ${money(limit)}`
    case 'risky merchant':
      return `${rule}: ${value}`
    case 'too often in an hour':
      return `${rule}: ${value}, above ${limit}`
    case 'card tried out':
      return `${rule}: ${value} small sums, then a large one`
  }
}
